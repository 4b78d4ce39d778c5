internal import CLinux
internal import Compression
internal import Tar

/// The TOC's JSON and the gzip member that holds it: a tar of one entry, `stargz.index.json`.
public enum TOCBlob {
    /// Bytes beside the JSON that are decompressed at most: the tar's headers and end, and what small entries an external TOC's layer has.
    private static let surplusLimit = 8 << 20

    /// Where the TOC's member is in a blob: from the offset that the footer names to the end.
    ///
    /// - Throws: `FormatError` for an offset outside of the blob, or so far from its end that it cannot be a TOC's: the offset is only a
    ///   claim, and whoever follows it fetches all that lies behind it.
    public static func range(tocOffset: UInt64, inBlobOf size: UInt64) throws(FormatError) -> Range<UInt64> {
        guard tocOffset < size else { throw .footer("it places the TOC at \(tocOffset), beyond the blob's \(size) bytes") }
        let limit = UInt64(TOCParser.maximumSize)
        guard size - tocOffset <= limit else { throw .tooLarge(what: "TOC", size: size - tocOffset, limit: limit) }
        return tocOffset..<size
    }

    /// The archive of a TOC: its entry and the end of the archive.
    static func archive(_ json: [UInt8]) -> [UInt8] {
        let size = Int64(json.count)
        return TarWriter.header(name: TOC.entryName, size: size) + json + TarWriter.padding(afterSize: size) + TarWriter.end
    }

    /// The gzip member of a TOC's archive.
    static func member(_ archive: [UInt8], level: Int) throws(CompressionError) -> [UInt8] {
        let compressor = try GzipCompressor(level: level)
        var member: [UInt8] = []
        archive.withUnsafeBytes { compressor.member($0, into: &member) }
        return member
    }

    /// Extracts the JSON bytes, not verified.
    ///
    /// - Parameters:
    ///   - tocMember: the blob from the TOC's offset to its end, or the layer of an external TOC image; a footer may follow.
    ///   - limit: most bytes of JSON that are accepted.
    ///     The whole member decompresses to little more, or is refused: a TOC's member holds nothing else.
    /// - Throws: `FormatError.tocMember`, `FormatError.tooLarge`.
    public static func extract(
        tocMember: UnsafeRawBufferPointer, limit: Int = TOCParser.maximumSize
    ) throws(FormatError) -> ArraySlice<UInt8> {
        do {
            if let json = extractAtOnce(tocMember, limit: limit) { return json }
            let input = try InflatedMember(tocMember, limit: limit + surplusLimit)
            let reader = TarReader(input)
            while let entry = try reader.next() {
                guard entry.name == TOC.entryName else { continue }
                guard entry.size <= limit else {
                    throw FormatError.tooLarge(what: "TOC", size: UInt64(entry.size), limit: UInt64(limit))
                }
                // Grows with what really comes: the size is only a claim so far.
                var json: [UInt8] = []
                while try reader.withPayload(atMost: 1 << 20, { json.append(contentsOf: $0) }) != nil {}
                try input.drain()
                return json[...]
            }
        } catch let error as FormatError {
            throw error
        } catch {
            throw .tocMember("\(error)")
        }
        throw .tocMember("no entry \"\(TOC.entryName)\"")
    }

    /// The JSON of a member with at most a footer behind it, as writers make them: inflated as a whole, which takes less than half of the
    /// time that a stream takes. Nil for anything else, so that the stream judges it.
    private static func extractAtOnce(_ tocMember: UnsafeRawBufferPointer, limit: Int) -> ArraySlice<UInt8>? {
        let footerSize = (try? Footer.parse(suffix: tocMember))?.size ?? 0
        let member = UnsafeRawBufferPointer(rebasing: tocMember.dropLast(footerSize))
        guard let size = GzipDecompressor.claimedSize(of: member), size <= limit + surplusLimit else { return nil }
        let inflated = try? [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            // A third of the time would go into page faults else.
            starling_prefer_huge_pages(buffer.baseAddress, buffer.count)
            count = try GzipDecompressor().decompress(member, into: UnsafeMutableRawBufferPointer(buffer))
        }
        guard let archive = inflated, let place = try? archive.withUnsafeBytes({ try placeOfJSON(in: $0) }), place.count <= limit else {
            return nil
        }
        // Where it is: it is too large to be moved about.
        return archive[place]
    }

    /// Where in its archive the JSON is; nil when it is not there or cut short.
    private static func placeOfJSON(in archive: UnsafeRawBufferPointer) throws -> Range<Int>? {
        let reader = TarReader(ArchiveInMemory(archive))
        while let entry = try reader.next() {
            guard entry.name == TOC.entryName else { continue }
            let start = Int(reader.offset)
            return entry.size <= archive.count - start ? start..<start + Int(entry.size) : nil
        }
        return nil
    }
}

/// An archive in memory, for the tar reader. Used only while the memory is borrowed.
private final class ArchiveInMemory: TarInput {
    private var rest: UnsafeRawBufferPointer

    init(_ archive: UnsafeRawBufferPointer) { rest = archive }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, rest.count)
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        return count
    }
}

/// The content of gzip members in memory, for the tar reader. Used only while the memory is borrowed.
private final class InflatedMember: TarInput {
    private let decompressor: StreamDecompressor
    private var rest: UnsafeRawBufferPointer
    private let limit: Int
    private var total = 0

    init(_ members: UnsafeRawBufferPointer, limit: Int) throws(CompressionError) {
        decompressor = try StreamDecompressor(.gzip)
        rest = members
        self.limit = limit
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let (consumed, produced) = try decompressor.decompress(input: rest, output: buffer)
        rest = UnsafeRawBufferPointer(rebasing: rest[consumed...])
        total += produced
        guard total <= limit else { throw FormatError.tooLarge(what: "TOC's member", size: UInt64(total), limit: UInt64(limit)) }
        return produced
    }

    /// Decompresses what is left, so that the members' own checksums are verified.
    func drain() throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while try read(into: buffer) > 0 {}
        try decompressor.finish()
    }
}
