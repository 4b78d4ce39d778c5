internal import CAtomics
internal import TreeImage

/// Which chunks of a layer came before a read asked for them, and which were read: what fetching ahead was worth. Two bits a chunk, in memory.
///
/// Read is what the kernel asks for, its own reading ahead included. What it has cached, or takes from a content file that needs nobody to serve
/// it, is not seen here; a chunk's first read is, for as long as the layer is served.
public final class ChunkUse: @unchecked Sendable {
    // Safety: the words are touched by CAtomics only, and live as long as the object.
    private let unasked: UnsafeMutablePointer<UInt64>
    private let read: UnsafeMutablePointer<UInt64>
    private let wordCount: Int
    private let chunks: ChunkMap

    /// Bytes of content that came before a read asked for them, by prefetch or along with what a read missed, and not to complete the layer.
    public struct Prefetched: Equatable, Sendable {
        /// Of these: in chunks that were read since, or while they were on their way.
        public var hitBytes: UInt64 = 0
        /// Of these: in chunks that nobody has read yet.
        public var wasteBytes: UInt64 = 0
        /// All of these.
        public var bytes: UInt64 { hitBytes + wasteBytes }

        /// Bytes that were of use, and bytes that were not yet.
        public init(hitBytes: UInt64 = 0, wasteBytes: UInt64 = 0) { (self.hitBytes, self.wasteBytes) = (hitBytes, wasteBytes) }
    }

    init(_ chunks: ChunkMap) {
        self.chunks = chunks
        wordCount = (chunks.count + 63) / 64
        unasked = .allocate(capacity: wordCount)
        read = .allocate(capacity: wordCount)
        unasked.initialize(repeating: 0, count: wordCount)
        read.initialize(repeating: 0, count: wordCount)
    }

    deinit {
        unasked.deallocate()
        read.deallocate()
    }

    /// A chunk came that no read had asked for.
    func cameUnasked(_ index: Int) { _ = starling_bit_set(unasked, UInt64(index)) }

    /// Chunks are read. A load for each; only the first time a store.
    public func wereRead(_ indexes: ClosedRange<Int>) {
        for index in indexes where starling_bit_is_set(read, UInt64(index)) == 0 { _ = starling_bit_set(read, UInt64(index)) }
    }

    /// Chunks that came unasked and that nobody has read. Looks at all of them.
    public var unread: [Int] {
        (0..<chunks.count).filter { starling_bit_is_set(unasked, UInt64($0)) != 0 && starling_bit_is_set(read, UInt64($0)) == 0 }
    }

    /// What came unasked so far, each chunk once. Looks at all of them: for a report, not for a read.
    public var prefetched: Prefetched {
        var sum = Prefetched()
        for word in 0..<wordCount {
            var came = starling_word_load(unasked + word)
            let wasRead = came == 0 ? 0 : starling_word_load(read + word)
            while came != 0 {
                let bit = came.trailingZeroBitCount
                came &= came - 1
                let size = chunks.chunk(64 * word + bit).size
                if wasRead >> bit & 1 != 0 { sum.hitBytes += size } else { sum.wasteBytes += size }
            }
        }
        return sum
    }
}
