internal import Glibc

/// The ids that an ordinary user may give out in a user namespace of theirs (subuid(5)).
struct SubordinateIDs: Equatable {
    /// One range of them.
    struct Range: Equatable {
        let first: UInt32
        let count: UInt32
    }

    let ranges: [Range]

    /// Reads the user's lines of /etc/subuid or /etc/subgid: `name:first:count`, or their number in place of the name.
    init(_ text: String, name: String?, id: UInt32) {
        ranges = text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 3, !fields[0].isEmpty, fields[0] == name ?? "" || fields[0] == "\(id)" else { return nil }
            guard let first = UInt32(fields[1]), let count = UInt32(fields[2]), count > 0 else { return nil }
            return Range(first: first, count: count)
        }
    }

    /// The map for newuidmap(1): the user becomes root, and their other ids all others, from 1 on.
    func map(root: UInt32) -> [UInt32] {
        var next: UInt32 = 1
        var map: [UInt32] = [0, root, 1]
        for range in ranges {
            map += [next, range.first, range.count]
            next += range.count
        }
        return map
    }
}
