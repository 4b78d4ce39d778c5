internal import TreeImage

/// Cuts the bytes of a range, as they arrive, into the members of the chunks that are wanted: a pure value, fed by the transport's thread.
struct RangeAssembler {
    /// One whole gzip member (or zstd frame) and the chunks that it holds.
    struct Member: Sendable {
        let bytes: [UInt8]
        let chunks: ClosedRange<Int>
    }

    private let map: ChunkMap
    private let last: Int
    private var next: Int
    /// Blob offset of the next byte that is expected: where to go on after a cut.
    private(set) var position: UInt64
    /// Blob offset behind the last byte that is expected.
    let end: UInt64
    private var buffer: [UInt8] = []

    /// Prepares for the blob range of the chunks `extent`, whole members.
    init(map: ChunkMap, extent: ClosedRange<Int>) {
        self.map = map
        next = extent.lowerBound
        last = extent.upperBound
        position = map.chunk(extent.lowerBound).blobOffset
        end = map.chunk(extent.upperBound).blobOffset + map.chunk(extent.upperBound).blobLength
    }

    /// First chunk whose member has not been handed out; nil when all were.
    var firstMissing: Int? { next > last ? nil : next }

    /// Takes the next bytes of the range and hands out the members that they complete.
    mutating func receive(_ bytes: UnsafeRawBufferPointer, _ member: (Member) -> Void) {
        var rest = bytes[...]
        while next <= last, !rest.isEmpty {
            let chunk = map.chunk(next)
            if position < chunk.blobOffset {
                let skipped = Int(min(UInt64(rest.count), chunk.blobOffset - position))
                rest = rest.dropFirst(skipped)
                position += UInt64(skipped)
                continue
            }
            let missing = Int(chunk.blobOffset + chunk.blobLength - position)
            let taken = rest.prefix(missing)
            if buffer.isEmpty { buffer.reserveCapacity(min(missing, 16 << 20)) }
            buffer.append(contentsOf: taken)
            rest = rest.dropFirst(taken.count)
            position += UInt64(taken.count)
            guard taken.count == missing else { return }
            let end = FetchPlan.lastOfMember(next, in: map)
            member(Member(bytes: buffer, chunks: next...end))
            buffer = []
            next = end + 1
        }
    }
}
