internal import Compression
internal import Tar

/// The TOC's JSON and the gzip member that holds it: a tar of one entry, `stargz.index.json`.
public enum TOCBlob {
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
    /// - Throws: `FormatError.tocMember`, `FormatError.tooLarge`.
    public static func extract(tocMember: UnsafeRawBufferPointer, limit: Int = TOCParser.maximumSize) throws(FormatError) -> [UInt8] {
        do {
            let input = try InflatedMember(tocMember)
            let reader = TarReader(input)
            while let entry = try reader.next() {
                guard entry.name == TOC.entryName else { continue }
                guard entry.size <= limit else {
                    throw FormatError.tooLarge(what: "TOC", size: UInt64(entry.size), limit: UInt64(limit))
                }
                // Grows with what really comes: the size is only a claim so far.
                var json: [UInt8] = []
                while try reader.withPayload(atMost: 1 << 20, { json.append(contentsOf: $0) }) != nil {}
                try input.drain(limit: limit)
                return json
            }
        } catch let error as FormatError {
            throw error
        } catch {
            throw .tocMember("\(error)")
        }
        throw .tocMember("no entry \"\(TOC.entryName)\"")
    }
}

/// The content of gzip members in memory, for the tar reader. Used only while the memory is borrowed.
private final class InflatedMember: TarInput {
    private let decompressor: StreamDecompressor
    private var rest: UnsafeRawBufferPointer

    init(_ members: UnsafeRawBufferPointer) throws(CompressionError) {
        decompressor = try StreamDecompressor(.gzip)
        rest = members
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let (consumed, produced) = try decompressor.decompress(input: rest, output: buffer)
        rest = UnsafeRawBufferPointer(rebasing: rest[consumed...])
        return produced
    }

    /// Decompresses what is left, so that the members' own checksums are verified; more than `limit` bytes are no TOC.
    func drain(limit: Int) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { buffer.deallocate() }
        var drained = 0
        while case let count = try read(into: buffer), count > 0 {
            drained += count
            guard drained <= limit else { throw FormatError.tooLarge(what: "TOC", size: UInt64(drained), limit: UInt64(limit)) }
        }
        try decompressor.finish()
    }
}
