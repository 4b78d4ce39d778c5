internal import EStargz

/// Numbers of an entry that must be in range before anything computes with them.
enum EntryCheck {
    /// Largest file, in bytes: what EROFS can address in one chunk, 8 TiB.
    static let largestFile: Int64 = 1 << 43

    static func check(_ entry: TOCEntry) throws(TreeImageError) {
        func require(_ isRight: Bool, _ reason: @autoclosure () -> String) throws(TreeImageError) {
            guard isRight else { throw .entry(path: entry.name, reason()) }
        }
        try require((0...largestFile).contains(entry.size), "size \(entry.size) is out of range")
        try require((0...Int64(UInt32.max)).contains(entry.uid), "uid \(entry.uid) is out of range")
        try require((0...Int64(UInt32.max)).contains(entry.gid), "gid \(entry.gid) is out of range")
        // The kernel's device numbers: 12 bits of major, 20 of minor.
        try require((0..<1 << 12).contains(entry.deviceMajor), "device major \(entry.deviceMajor) is out of range")
        try require((0..<1 << 20).contains(entry.deviceMinor), "device minor \(entry.deviceMinor) is out of range")
        if entry.kind == .symlink {
            let target = entry.linkName.utf8
            try require(!target.isEmpty && target.count <= 4095 && !target.contains(0), "its target is not a path")
        }
    }
}
