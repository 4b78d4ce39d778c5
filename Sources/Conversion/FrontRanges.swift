/// What of a file is repeated before the landmark, when not all of it was read.
///
/// Ranges are of whole pages, which is what a file system reads, and of reads that lie close together one is made: each is a member of its own, which compresses
/// worse and takes some hundred bytes in the TOC.
struct FrontRanges: Equatable {
    /// Of the file, ascending and apart; at most `mostRanges`.
    let ranges: [Range<Int64>]

    /// Files up to this size are wanted as a whole, as a reader asks for them: the kernel's smallest readahead.
    static let smallFile: Int64 = 16 << 10
    /// Of a file of which this part was read, the rest is no loss.
    static let nearlyAll = 0.9
    /// Bytes that nobody read, of those that were, which fewer ranges are worth.
    static let mostUnread = 0.05
    /// Ranges of a file. A TOC of a thousand more entries is 60 KB larger, compressed.
    static let mostRanges = 1024
    /// Of a range, so much at a time comes sooner or later than the rest.
    static let blockSize: Int64 = 64 << 10
    private static let page: Int64 = 4096

    /// - Returns: nil for a file that is wanted as a whole.
    init?(_ read: [Range<Int64>], fileSize: Int64) {
        var pages = FrontRanges.pages(read, fileSize)
        let count = pages.reduce(0) { $0 + $1.count }
        guard fileSize > FrontRanges.smallFile, count > 0, Double(count) < FrontRanges.nearlyAll * Double(fileSize) else { return nil }
        FrontRanges.join(&pages, unread: Int(FrontRanges.mostUnread * Double(count)))
        ranges = pages
    }

    /// The pages of the ranges that lie in the file, ascending and apart.
    private static func pages(_ read: [Range<Int64>], _ fileSize: Int64) -> [Range<Int64>] {
        var result: [Range<Int64>] = []
        for range in read.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            guard range.lowerBound < fileSize else { break }
            let start = range.lowerBound / page * page
            let end = range.upperBound >= fileSize ? fileSize : min(fileSize, (range.upperBound + page - 1) / page * page)
            if let last = result.last, start <= last.upperBound {
                result[result.count - 1] = last.lowerBound..<max(last.upperBound, end)
            } else {
                result.append(start..<end)
            }
        }
        return result
    }

    /// Closes the smallest gaps, as many as so many unread bytes allow, and all that are too many.
    private static func join(_ ranges: inout [Range<Int64>], unread: Int) {
        let gaps = (1..<max(1, ranges.count)).map { (index: $0, size: ranges[$0].lowerBound - ranges[$0 - 1].upperBound) }
            .sorted { ($0.size, $0.index) < ($1.size, $1.index) }
        var left = Int64(unread)
        var closed: Set<Int> = []
        for gap in gaps where gap.size <= left || ranges.count - closed.count > mostRanges {
            closed.insert(gap.index)
            left -= gap.size
        }
        var result: [Range<Int64>] = []
        for (index, range) in ranges.enumerated() {
            if closed.contains(index), let last = result.popLast() {
                result.append(last.lowerBound..<range.upperBound)
            } else {
                result.append(range)
            }
        }
        ranges = result
    }

    /// The ranges in the order in which they are wanted: for each read of the file, what nobody has wanted before, ascending and apart. All of it
    /// together is `ranges`, cut into `mostRanges` at most.
    ///
    /// - Parameter reads: those that the ranges were made of, the first ones first.
    func inOrder(of reads: [[Range<Int64>]]) -> [[Range<Int64>]] {
        var result = Array(repeating: [Range<Int64>](), count: reads.count)
        let turns = turns(of: reads)
        var count = 0
        for range in ranges {
            var start = range.lowerBound
            var turn = 0
            // What was only between two reads comes with the one before it.
            for block in FrontRanges.blocks(range) {
                let end = min(range.upperBound, Int64(block + 1) * FrontRanges.blockSize)
                turn = turns[block] ?? turn
                if let last = result[turn].last, last.upperBound == start {
                    result[turn][result[turn].count - 1] = last.lowerBound..<end
                } else {
                    result[turn].append(start..<end)
                    count += 1
                }
                start = end
            }
        }
        guard count > FrontRanges.mostRanges else { return result }
        result = Array(repeating: [], count: reads.count)
        result[0] = ranges
        return result
    }

    /// The blocks that each range lies in, and the first read of each.
    private func turns(of reads: [[Range<Int64>]]) -> [Int: Int] {
        var turns: [Int: Int] = [:]
        let end = ranges.last?.upperBound ?? 0
        // For each block the next one without a turn, so that reads of the same cost nothing.
        var next = Array(0...Int(end / FrontRanges.blockSize) + 1)
        func free(_ block: Int) -> Int {
            var block = block
            while next[block] != block {
                next[block] = next[next[block]]
                block = next[block]
            }
            return block
        }
        for (turn, read) in reads.enumerated() {
            for range in read where range.lowerBound < end {
                let blocks = FrontRanges.blocks(range.clamped(to: 0..<end))
                var block = free(blocks.lowerBound)
                while block <= blocks.upperBound {
                    turns[block] = turn
                    next[block] = block + 1
                    block = free(block)
                }
            }
        }
        return turns
    }

    private static func blocks(_ range: Range<Int64>) -> ClosedRange<Int> {
        Int(range.lowerBound / blockSize)...Int((range.upperBound - 1) / blockSize)
    }
}
