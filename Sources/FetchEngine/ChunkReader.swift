internal import ChunkStore
public import Digests
public import OCI
public import TreeImage

/// Reads single chunks of a blob, verified, without any store: for looking into an image.
public struct ChunkReader: Sendable {
    private let map: ChunkMap
    private let blob: any BlobRanges
    private let layer: Digest

    /// Reads chunks of `map` from the blob of a layer of that digest.
    public init(map: ChunkMap, blob: any BlobRanges, layer: Digest) {
        self.map = map
        self.blob = blob
        self.layer = layer
    }

    /// The bytes of a chunk.
    ///
    /// - Throws: `ChunkMismatch`, `FetchError`, or what the blob throws.
    public func read(_ index: Int) async throws -> [UInt8] {
        let chunk = map.chunk(index)
        var first = index
        while first > 0, map.chunk(first - 1).blobOffset == chunk.blobOffset { first -= 1 }
        let bytes = try await blob.read(chunk.blobOffset..<chunk.blobOffset + chunk.blobLength)
        let member = RangeAssembler.Member(bytes: bytes, chunks: first...FetchPlan.lastOfMember(index, in: map))
        return try ChunkReader.content(index, of: member, map, layer, MemberDecoder())
    }

    static func content(
        _ index: Int, of member: RangeAssembler.Member, _ map: ChunkMap, _ layer: Digest, _ decoder: MemberDecoder
    ) throws -> [UInt8] {
        try decoder.withChunk(index, of: member, in: map) { bytes in
            let chunk = map.chunk(index)
            let actual = Digest.sha256(bytes)
            guard actual == chunk.digest else {
                throw ChunkMismatch(layer: layer, blobOffset: chunk.blobOffset, expected: chunk.digest, actual: actual)
            }
            return Array(bytes)
        }
    }
}

/// Verifies all chunks of a blob whose bytes come from front to back. One thread.
public final class ChunkVerifier {
    private let map: ChunkMap
    private let layer: Digest
    private let decoder = MemberDecoder()
    private var assembler: RangeAssembler?
    private var position: UInt64 = 0
    private var failure: (any Error)?
    /// Chunks that were right so far.
    public private(set) var verifiedCount = 0

    /// Expects the blob of a layer of that digest.
    public init(map: ChunkMap, layer: Digest) {
        self.map = map
        self.layer = layer
        assembler = map.count > 0 ? RangeAssembler(map: map, extent: 0...map.count - 1) : nil
    }

    /// Takes the next bytes of the blob.
    ///
    /// - Throws: `ChunkMismatch` or `FetchError` for the first chunk that is wrong.
    public func receive(_ bytes: UnsafeRawBufferPointer) throws {
        let start = map.count > 0 ? map.chunk(0).blobOffset : 0
        let skipped = Int(min(UInt64(bytes.count), start > position ? start - position : 0))
        position += UInt64(bytes.count)
        let rest = UnsafeRawBufferPointer(rebasing: bytes[skipped...])
        assembler?.receive(rest) { member in
            guard failure == nil else { return }
            do {
                for index in member.chunks {
                    _ = try ChunkReader.content(index, of: member, map, layer, decoder)
                    verifiedCount += 1
                }
            } catch {
                failure = error
            }
            decoder.forgetMember()
        }
        if let failure { throw failure }
    }

    /// The blob has ended.
    ///
    /// - Throws: `FetchError.truncated` when chunks are missing.
    public func finish() throws {
        if assembler?.firstMissing != nil { throw FetchError.truncated(layer: layer) }
    }
}
