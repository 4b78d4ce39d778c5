internal import Digests
internal import EStargz
internal import Tar

/// Everything that unpacking an entry brings about.
struct FileFacts: Equatable, Sendable {
    var kind: TarEntry.Kind
    /// Permission, set-id and sticky bits.
    var mode: Int64
    var uid: Int64
    var gid: Int64
    var size: Int64
    var time: TarEntry.Time
    var link: [UInt8]
    /// Major and minor number.
    var device: [Int64]
    var xattrs: [String: [UInt8]]
    /// Digests of a regular file's parts, in order; how it is divided is whoever compares's to say.
    var contents: [Digest]

    /// What an archive's entry says.
    init(_ entry: TarEntry, contents: [Digest]) {
        kind = entry.kind
        mode = entry.mode & 0o7777
        (uid, gid, size, time) = (entry.uid, entry.gid, entry.size, entry.modificationTime)
        link = entry.kind == .symlink || entry.kind == .hardlink ? entry.linkNameBytes : []
        device = [entry.deviceMajor, entry.deviceMinor]
        xattrs = entry.xattrs
        self.contents = contents
    }

    /// What a TOC's entry says, its chunks left out; nil for one that is a chunk.
    init?(_ entry: TOCEntry) {
        switch entry.kind {
        case .directory: kind = .directory
        case .regular: kind = .regular
        case .symlink: kind = .symlink
        case .hardlink: kind = .hardlink
        case .character: kind = .character
        case .block: kind = .block
        case .fifo: kind = .fifo
        case .chunk: return nil
        }
        mode = entry.mode & 0o7777
        (uid, gid, size) = (entry.uid, entry.gid, entry.size)
        time = TarEntry.Time(seconds: entry.modificationTime?.seconds ?? 0, nanoseconds: entry.modificationTime?.nanoseconds ?? 0)
        link = kind == .symlink || kind == .hardlink ? Array(entry.linkName.utf8) : []
        device = [entry.deviceMajor, entry.deviceMinor]
        xattrs = entry.xattrs
        contents = []
    }

    /// The same as a TOC can say it: names in UTF-8, hard links by clean names, whole seconds, for not every writer keeps the rest; sizes and numbers only of
    /// what has them.
    var asInTOC: FileFacts {
        var facts = self
        let name = String(decoding: link, as: UTF8.self)
        facts.link = Array((kind == .hardlink ? TOC.cleanName(name) : name).utf8)
        facts.time.nanoseconds = 0
        if kind != .regular { facts.size = 0 }
        if kind != .character, kind != .block { facts.device = [] }
        return facts
    }

    /// The first difference, in words.
    func difference(to other: FileFacts, in place: String) -> String {
        if kind != other.kind { return "is of kind \(kind), in \(place) \(other.kind)" }
        if mode != other.mode { return "has mode \(String(mode, radix: 8)), in \(place) \(String(other.mode, radix: 8))" }
        if uid != other.uid || gid != other.gid { return "belongs to \(uid):\(gid), in \(place) to \(other.uid):\(other.gid)" }
        if size != other.size { return "has \(size) bytes, in \(place) \(other.size)" }
        if link != other.link { return "links to another place in \(place)" }
        if contents != other.contents { return "has other content in \(place)" }
        if time != other.time { return "has another time in \(place)" }
        return xattrs != other.xattrs ? "has other extended attributes in \(place)" : "is another device in \(place)"
    }
}
