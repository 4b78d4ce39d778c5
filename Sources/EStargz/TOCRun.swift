internal import CLinux

/// Entries of a TOC that follow each other, read before it is known that they are entries: how two threads share a TOC.
///
///     {"version":1,"entries":[{…},{…},{…},   {…},{…},{…}]}
///                             ├── a run ──┤  ├─ a run ─┤
///
/// What is read from a place on depends on nothing that comes before it, but for the place being an entry's beginning. So a run counts only
/// when the parser, which goes through the whole document, arrives at its beginning expecting an entry. A run that began elsewhere, or has
/// an error in it, is as if it had never been read.
struct TOCRun: Sendable {
    /// Where the first entry begins.
    let start: Int
    /// Behind the last entry.
    private(set) var end: Int
    private(set) var entries: [TOCEntry] = []

    /// A TOC of fewer bytes is read before another thread has woken up.
    private static let smallestShared = 256 << 10
    /// The list of entries begins within so many bytes: only the version, and what readers do not know, comes before it.
    private static let longestHead = 256

    /// Reads entries from a place on, to the end of the list or to where another run begins; nil when there is anything else.
    init?(_ json: UnsafeRawBufferPointer, from start: Int, until stop: Int? = nil) {
        self.start = start
        end = start
        var scanner = JSONScanner(json, at: start)
        // The first run's list becomes the whole one.
        entries.reserveCapacity(TOCParser.likelyCount(json.count - start))
        let room = entries.capacity * MemoryLayout<TOCEntry>.stride
        entries.withUnsafeBufferPointer { starling_prefer_huge_pages($0.baseAddress, room) }
        do throws(FormatError) {
            repeat {
                _ = try scanner.peek()
                if scanner.position == stop { return }
                guard entries.count < TOCParser.maximumEntries else { return nil }
                try TOCParser.appendEntry(&scanner, to: &entries)
                end = scanner.position
            } while try scanner.accept(UInt8(ascii: ","))
        } catch {
            return nil
        }
    }

    /// Where entries probably begin: the first, and one in the middle; nil for a TOC that is not worth sharing.
    static func places(in json: UnsafeRawBufferPointer) -> (first: Int, middle: Int)? {
        guard json.count >= smallestShared, let list = json.prefix(longestHead).firstIndex(of: UInt8(ascii: "[")),
            let first = entry(in: json, from: list + 1)
        else { return nil }
        // An entry that another one comes before.
        var place = json.count / 2
        while let end = json[place...].firstIndex(of: UInt8(ascii: "}")) {
            if let comma = significant(in: json, from: end + 1), json[comma] == UInt8(ascii: ","),
                let middle = entry(in: json, from: comma + 1)
            {
                return (first, middle)
            }
            place = end + 1
        }
        return nil
    }

    private static func entry(in json: UnsafeRawBufferPointer, from place: Int) -> Int? {
        significant(in: json, from: place).flatMap { json[$0] == UInt8(ascii: "{") ? $0 : nil }
    }

    private static func significant(in json: UnsafeRawBufferPointer, from place: Int) -> Int? {
        var scanner = JSONScanner(json, at: place)
        return (try? scanner.peek()).map { _ in scanner.position }
    }
}
