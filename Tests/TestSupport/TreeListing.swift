import CLinux
import Digests
import Glibc
import HostSystem

/// Everything about one file that a container could notice.
public struct FileFacts: Equatable, Sendable, CustomStringConvertible {
    /// Type and permission bits.
    public var mode: UInt32
    /// Owner.
    public var uid: UInt32
    /// Group.
    public var gid: UInt32
    /// Size in bytes; 0 for directories, whose size is the file system's own affair.
    public var size: Int64
    /// Number of names; 0 for directories.
    public var links: UInt64
    /// Modification time in nanoseconds since 1970.
    public var modified: Int64
    /// Device number, for devices.
    public var device: UInt64
    /// Target of a symbolic link, digest of a regular file's content; else empty.
    public var content: String
    /// Extended attributes by name.
    public var xattrs: [String: [UInt8]]

    /// All facts in one line.
    public var description: String {
        "mode \(String(mode, radix: 8)) uid \(uid) gid \(gid) size \(size) links \(links) modified \(modified) device \(device) content \(content) xattrs \(xattrs)"
    }
}

/// A directory tree as a table from relative path ("." is the top) to facts: two trees are the same when their tables are.
public struct TreeListing: Equatable, Sendable {
    /// Facts by relative path.
    public var files: [String: FileFacts] = [:]

    /// Lists a tree, contents read and hashed.
    ///
    /// - Parameter isIncluded: whether a relative path, and what is below it, is part of the listing.
    public init(_ top: String, isIncluded: (String) -> Bool = { _ in true }) throws {
        try add(top, ".", isIncluded)
    }

    private mutating func add(_ path: String, _ relative: String, _ isIncluded: (String) -> Bool) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw HostError.last("stat", path) }
        let kind = status.st_mode & S_IFMT
        var facts = FileFacts(
            mode: status.st_mode, uid: status.st_uid, gid: status.st_gid, size: kind == S_IFDIR ? 0 : Int64(status.st_size),
            links: kind == S_IFDIR ? 0 : UInt64(status.st_nlink),
            modified: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec),
            device: kind == S_IFCHR || kind == S_IFBLK ? UInt64(status.st_rdev) : 0, content: "", xattrs: try TreeListing.xattrs(path))
        switch kind {
        case S_IFREG: facts.content = try Digest.sha256(Files.read(path, limit: 1 << 30)).hex
        case S_IFLNK: facts.content = try TreeListing.target(path)
        default: break
        }
        files[relative] = facts
        guard kind == S_IFDIR else { return }
        for name in try Files.entries(path) {
            let child = relative == "." ? name : relative + "/" + name
            if isIncluded(child) { try add(path + "/" + name, child, isIncluded) }
        }
    }

    /// The differences to another listing, one line each, at most `limit`.
    public func differences(from other: TreeListing, limit: Int = 20) -> [String] {
        var lines: [String] = []
        for path in Set(files.keys).union(other.files.keys).sorted() where files[path] != other.files[path] {
            let mine = files[path].map(\.description) ?? "missing"
            let theirs = other.files[path].map(\.description) ?? "missing"
            lines.append("\(path): \(mine) ≠ \(theirs)")
            if lines.count == limit { break }
        }
        return lines
    }

    /// What a symbolic link leads to; of a descriptor in /proc, the file that is open.
    public static func target(_ path: String) throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count)
        guard count >= 0 else { throw HostError.last("read link", path) }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func xattrs(_ path: String) throws -> [String: [UInt8]] {
        var names = [UInt8](repeating: 0, count: 65_536)
        let length = names.withUnsafeMutableBytes { starling_llistxattr(path, $0.baseAddress?.assumingMemoryBound(to: CChar.self), 65_536) }
        guard length >= 0 else { throw HostError.last("list attributes of", path) }
        var found: [String: [UInt8]] = [:]
        for raw in names[..<length].split(separator: 0) {
            let name = String(decoding: raw, as: UTF8.self)
            var value = [UInt8](repeating: 0, count: 65_536)
            let size = value.withUnsafeMutableBytes { starling_lgetxattr(path, name, $0.baseAddress, 65_536) }
            guard size >= 0 else { throw HostError.last("get attribute \(name) of", path) }
            found[name] = Array(value[..<size])
        }
        return found
    }
}
