/// What of a file is repeated before the landmark, when not all of it was read.
///
/// Ranges are of whole pages, which is what a file system reads, and of reads that lie close together one is made: each is a member of its own, which compresses
/// worse and takes some hundred bytes in the TOC.
struct FrontRanges: Equatable {
    /// Of the file, ascending and apart; at most `mostRanges`.
    let ranges: [Range<Int64>]
    /// Bytes of all of them.
    var byteCount: Int64 { ranges.reduce(0) { $0 + Int64($1.count) } }

    /// Files up to this size are wanted as a whole, as a reader asks for them: the kernel's smallest readahead.
    static let smallFile: Int64 = 16 << 10
    /// Of a file of which this part was read, the rest is no loss.
    static let nearlyAll = 0.9
    /// Bytes that nobody read, of those that were, which fewer ranges are worth.
    static let mostUnread = 0.05
    /// Ranges of a file. A TOC of a thousand more entries is 60 KB larger, compressed.
    static let mostRanges = 1024
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
}
