internal import EStargz
internal import OCI

/// The last bytes of a blob and its size; not verified, as a part has no digest.
struct KnownEnd: Sendable {
    var bytes: [UInt8]
    let blobSize: UInt64

    /// Where the bytes begin in the blob.
    var start: UInt64 { blobSize - UInt64(bytes.count) }

    /// A range of the blob that lies within the bytes; nil when they do not hold all of it.
    func part(_ range: Range<UInt64>) -> [UInt8]? {
        guard range.lowerBound >= start, range.upperBound <= blobSize else { return nil }
        return Array(bytes[Int(range.lowerBound - start)..<Int(range.upperBound - start)])
    }

    /// Compares the size that the registry told with the manifest's, where that is known.
    static func check(blobSize: UInt64, _ descriptor: Descriptor) throws(LayerRefusal) {
        guard descriptor.size <= 0 || blobSize == UInt64(descriptor.size) else {
            throw .registry("a blob of \(blobSize) bytes in place of \(descriptor.size)")
        }
    }

    /// What is fetched of a TOC at most before anybody wants it.
    private static let mostOfTOC: UInt64 = 16 << 20

    /// Reads the end of a blob as far as its footer says that the TOC goes; nil when it is no lazy format, and of no use.
    ///
    /// - Parameter guess: bytes to ask for before the footer is known.
    /// - Throws: what the blob throws.
    static func read(_ blob: any BlobRanges, guess: Int) async throws -> KnownEnd? {
        let (bytes, size) = try await blob.readSuffix(guess)
        var end = KnownEnd(bytes: bytes, blobSize: size)
        guard let start = tocStart(end), start <= size, size - start <= mostOfTOC else { return nil }
        if start < end.start { end.bytes = try await blob.read(start..<end.start) + end.bytes }
        return end
    }

    // The offsets are claims, and are checked again by whoever uses the bytes.
    private static func tocStart(_ end: KnownEnd) -> UInt64? {
        if let zstd = end.bytes.withUnsafeBytes({ ZstdChunkedFooter(suffix: $0) }) { return zstd.offset }
        switch try? Footer.parse(blobEnd: end.bytes) {
        case .estargz(let offset)?, .legacyStargz(let offset)?: return offset
        case .externalTOC?: return end.start
        case nil: return nil
        }
    }
}
