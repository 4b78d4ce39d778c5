internal import Digests
internal import Tar

/// From tar headers to TOC entries, as the reference implementation maps them.
struct TarEntryTranslator {
    // A user's or group's name is written when it first appears for an id and when it changes; readers remember it (stargz).
    private var userNames: [Int64: String] = [:]
    private var groupNames: [Int64: String] = [:]

    private static let emptyDigest = Digest.sha256([])

    /// The TOC entry of a tar entry, without offset and chunk.
    mutating func entry(_ tar: TarEntry) -> TOCEntry {
        var entry = TOCEntry(name: tar.name, kind: TarEntryTranslator.kind(tar.kind))
        entry.mode = tar.mode
        entry.uid = tar.uid
        entry.gid = tar.gid
        entry.userName = TarEntryTranslator.changed(&userNames, tar.uid, tar.userName)
        entry.groupName = TarEntryTranslator.changed(&groupNames, tar.gid, tar.groupName)
        entry.xattrs = tar.xattrs
        // 1970-01-01T00:00:00Z is how tar says that there is no time. Fractions are kept (RFC 3339 has them): rounding to seconds
        // would make a file younger than what was compiled from it.
        let time = tar.modificationTime
        if time.seconds != 0 || time.nanoseconds != 0 {
            entry.modificationTime = TOCEntry.Time(seconds: time.seconds, nanoseconds: time.nanoseconds)
        }
        switch tar.kind {
        case .regular:
            entry.size = tar.size
            if tar.size == 0 { entry.digest = TarEntryTranslator.emptyDigest }
        case .symlink, .hardlink:
            entry.linkName = tar.linkName
        case .character, .block:
            entry.deviceMajor = tar.deviceMajor
            entry.deviceMinor = tar.deviceMinor
        case .directory, .fifo: break
        }
        return entry
    }

    private static func changed(_ names: inout [Int64: String], _ id: Int64, _ name: String) -> String {
        guard !name.isEmpty, names[id] != name else { return "" }
        names[id] = name
        return name
    }

    private static func kind(_ kind: TarEntry.Kind) -> TOCEntry.Kind {
        switch kind {
        case .regular: .regular
        case .hardlink: .hardlink
        case .symlink: .symlink
        case .character: .character
        case .block: .block
        case .directory: .directory
        case .fifo: .fifo
        }
    }
}
