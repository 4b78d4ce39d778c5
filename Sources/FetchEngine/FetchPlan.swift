internal import TreeImage

/// Which neighbours a miss brings along: a pure decision over the chunk map's order, which is the blob's order.
///
/// A round trip costs as much as some hundred kilobytes, and files that are neighbours in the blob (one package, one directory) tend to be read
/// together. So a miss takes the members after it up to a window, and a few before it; the window doubles while misses go on where the last
/// one ended.
struct FetchPlan {
    /// Compressed bytes that an isolated miss asks for at most, its own member apart.
    static let firstWindow: UInt64 = 256 << 10
    /// Compressed bytes before it that an isolated miss asks for at most.
    static let windowBefore: UInt64 = 64 << 10
    /// Compressed bytes that a sequential reader's miss asks for at most.
    static let largestWindow: UInt64 = 8 << 20
    /// Unwanted bytes between two wanted members that are cheaper to receive than a second request.
    static let largestGap: UInt64 = 32 << 10
    /// Compressed bytes of a run of expected files: a demand should not have to wait for more.
    static let largestRun: UInt64 = 512 << 10

    private var window = FetchPlan.firstWindow
    private var expectedNext = -1

    /// Chunk indexes to fetch for a miss at `index`, whole members, contiguous but for small gaps.
    ///
    /// - Parameter isWanted: whether a chunk is neither here nor on its way.
    mutating func extent(ofMissAt index: Int, in chunks: ChunkMap, isWanted: (Int) -> Bool) -> ClosedRange<Int> {
        // A sequential reader misses at the first chunk after the last extent, or a few small files later.
        let isSequential = expectedNext >= 0 && (expectedNext...expectedNext + 8).contains(index)
        window = isSequential ? min(window * 2, FetchPlan.largestWindow) : FetchPlan.firstWindow
        var extent = FetchPlan.members(around: index, upTo: window, in: chunks, isWanted: isWanted)
        let first = FetchPlan.first(before: extent.lowerBound, upTo: FetchPlan.windowBefore, in: chunks, isWanted: isWanted)
        extent = first...extent.upperBound
        expectedNext = extent.upperBound + 1
        return extent
    }

    /// The first chunk of the wanted members before the one that begins with `index`, within `window` compressed bytes.
    static func first(before index: Int, upTo window: UInt64, in chunks: ChunkMap, isWanted: (Int) -> Bool) -> Int {
        let end = chunks.chunk(index).blobOffset
        var first = index
        while first > 0 {
            var before = first - 1
            let member = chunks.chunk(before)
            while before > 0, chunks.chunk(before - 1).blobOffset == member.blobOffset { before -= 1 }
            guard end - member.blobOffset <= window, member.blobOffset + member.blobLength + largestGap >= chunks.chunk(first).blobOffset,
                (before..<first).contains(where: isWanted)
            else { break }
            first = before
        }
        return first
    }

    /// The member that holds `index`, and wanted members after it until `window` compressed bytes.
    static func members(around index: Int, upTo window: UInt64, in chunks: ChunkMap, isWanted: (Int) -> Bool) -> ClosedRange<Int> {
        let offset = chunks.chunk(index).blobOffset
        var first = index
        while first > 0, chunks.chunk(first - 1).blobOffset == offset { first -= 1 }
        var last = lastOfMember(index, in: chunks)
        let limit = offset + window
        while last + 1 < chunks.count {
            let next = chunks.chunk(last + 1)
            let end = chunks.chunk(last).blobOffset + chunks.chunk(last).blobLength
            let nextLast = lastOfMember(last + 1, in: chunks)
            guard next.blobOffset + next.blobLength <= limit, next.blobOffset <= end + largestGap,
                (last + 1...nextLast).contains(where: isWanted)
            else { break }
            last = nextLast
        }
        return first...last
    }

    static func lastOfMember(_ index: Int, in chunks: ChunkMap) -> Int {
        let offset = chunks.chunk(index).blobOffset
        var last = index
        while last + 1 < chunks.count, chunks.chunk(last + 1).blobOffset == offset { last += 1 }
        return last
    }

    /// Chunks in no order, made into runs of whole members that are worth a request each: joined across small gaps, and not too large.
    ///
    /// - Parameter isWanted: whether a chunk is neither here nor on its way.
    static func runs(of indexes: some Sequence<Int>, in chunks: ChunkMap, isWanted: (Int) -> Bool) -> [ClosedRange<Int>] {
        var runs: [ClosedRange<Int>] = []
        for index in indexes.sorted() where isWanted(index) {
            if let last = runs.last, last.contains(index) { continue }
            let member = members(around: index, upTo: 0, in: chunks, isWanted: isWanted)
            if let last = runs.last, case let start = chunks.chunk(last.lowerBound).blobOffset,
                case let end = chunks.chunk(last.upperBound).blobOffset + chunks.chunk(last.upperBound).blobLength,
                case let next = chunks.chunk(member.lowerBound), next.blobOffset <= end + largestGap,
                next.blobOffset + next.blobLength - start <= largestRun, (last.upperBound + 1..<member.lowerBound).allSatisfy(isWanted)
            {
                runs[runs.count - 1] = last.lowerBound...max(last.upperBound, member.upperBound)
            } else {
                runs.append(member)
            }
        }
        return runs
    }

    /// Runs of chunks put together where they follow each other, in order.
    static func joined(_ runs: [ClosedRange<Int>]) -> [ClosedRange<Int>] {
        runs.sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { joined, run in
            if let last = joined.last, run.lowerBound <= last.upperBound + 1 {
                joined[joined.count - 1] = last.lowerBound...max(last.upperBound, run.upperBound)
            } else {
                joined.append(run)
            }
        }
    }
}
