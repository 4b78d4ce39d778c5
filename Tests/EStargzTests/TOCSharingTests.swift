import Digests
import EStargz
import Testing

@Suite("TOCs that two threads read")
struct TOCSharingTests {
    private enum Outcome: Equatable {
        case table(TOC)
        case refused(FormatError)
    }

    private func alone(_ json: [UInt8]) -> Outcome {
        do throws(FormatError) {
            return .table(try json.withUnsafeBytes { json in Result { () throws(FormatError) in try TOCParser.parse(json) } }.get())
        } catch {
            return .refused(error)
        }
    }

    private func shared(_ json: [UInt8]) async -> Outcome {
        do throws(FormatError) {
            return .table(try await TOCParser.parse(sharing: json[...]))
        } catch {
            return .refused(error)
        }
    }

    /// A TOC that is large enough to be shared, in which every text looks like the space between entries.
    private static let large: [UInt8] = {
        let entries = (0..<3_000).map { number in
            var entry = TOCEntry(name: "directory},{\"type\":\"reg\"},{/file-\(number)", kind: .regular)
            entry.linkName = "},{"
            entry.xattrs = ["user.a": [1, 2, 3]]
            entry.chunkDigest = Digest.sha256([UInt8(truncatingIfNeeded: number)])
            return entry
        }
        return TOCSerializer.json(TOC(entries: entries))
    }()

    @Test("a large TOC reads the same as on one thread")
    func large() async {
        #expect(Self.large.count > 512 << 10)
        guard case .table(let toc) = alone(Self.large) else {
            Issue.record("refused")
            return
        }
        #expect(toc.entries.count == 3_000)
        #expect(await shared(Self.large) == .table(toc))
    }

    @Test("white space between entries makes no difference")
    func spaced() async {
        var json: [UInt8] = []
        for byte in Self.large { json += byte == UInt8(ascii: "{") ? [0x20, 0x0a, byte, 0x09] : [byte] }
        #expect(await shared(json) == alone(json))
    }

    @Test("damage is refused with the same words, wherever it is", arguments: [0.01, 0.3, 0.49, 0.5, 0.51, 0.8, 0.999])
    func damaged(place: Double) async {
        var json = Self.large
        json[Int(Double(json.count) * place)] = 0
        let expected = alone(json)
        #expect(expected != .table(TOC()))
        #expect(await shared(json) == expected)
        let cut = Array(Self.large[..<Int(Double(json.count) * place)])
        #expect(await shared(cut) == alone(cut))
    }

    @Test("what only looks like entries is none: a list in an unknown field, a second list, a list in a text")
    func misleading() async {
        let text = String(decoding: Self.large, as: UTF8.self)
        let list = String(text.dropFirst(text.prefix { $0 != "[" }.count).dropLast(1))
        for json in [
            "{\"version\":1,\"other\":\(list),\"entries\":[{\"type\":\"dir\"}]}",
            "{\"version\":1,\"entries\":[{\"type\":\"dir\"}],\"other\":\(list)}",
            "{\"version\":1,\"entries\":\(list),\"entries\":\(list)}",
            "{\"version\":1,\"note\":\"[\",\"entries\":\(list)}",
            "{\"entries\":\(list),\"version\":2}",
        ] {
            let json = Array(json.utf8)
            #expect(await shared(json) == alone(json))
        }
    }
}
