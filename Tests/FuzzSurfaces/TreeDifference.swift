import CLinux
import EStargz
import Glibc
import HostSystem
import Tar
import TreeImage

/// Holds a layer that was unpacked against the tree that its TOC compiles to: a container must not see which of the two it has.
///
/// Compared are names, kinds, permissions, owners, sizes, numbers of names, devices, targets and opaque marks. Not compared are the times, which a
/// directory that the archive only implies has from its unpacking, and archives with names that are no UTF-8, which JSON cannot say.
enum TreeDifference {
    static func check(_ archive: [UInt8], _ unpacked: String) throws {
        guard try hasTexts(archive) else { return }
        let options = EStargzWriter.Options(format: .externalTOC(keepsDiffID: true))
        guard let written = try WriterSurface.write(archive, options) else {
            throw BrokenPromise(description: "an archive that can be unpacked can be converted")
        }
        let compiled = try accepted {
            try LayerCompiler.compile(
                toc: written.toc, blobSize: UInt64(written.layer.size), payloadEnd: UInt64(written.layer.tocOffset), compression: .gzip)
        }
        // Links to the host's own symbolic links among directories, and what else only a file system follows, are refused there.
        guard let compiled else { return }
        let image = try MemoryFile(compiled.erofs)
        guard let tree = try accepted({ try LayerTree(path: image.path) }) else {
            throw BrokenPromise(description: "what was compiled can be opened")
        }
        var (lazy, plain): ([String: String], [String: String]) = ([:], [:])
        try list(tree, tree.root, "", &lazy)
        try list(unpacked, "", &plain)
        for path in Set(lazy.keys).union(plain.keys).sorted() {
            try promise(
                lazy[path] == plain[path],
                "\"\(path)\" is the same lazily, \(lazy[path] ?? "absent"), and unpacked, \(plain[path] ?? "absent")")
        }
    }

    private static func hasTexts(_ archive: [UInt8]) throws -> Bool {
        try archive.withUnsafeBytes { archive in
            try accepted {
                let reader = TarReader(MemoryInput(archive, step: 1 << 20))
                while let entry = try reader.next() {
                    guard [entry.nameBytes, entry.linkNameBytes].allSatisfy({ String(validating: $0, as: UTF8.self) != nil }) else {
                        return false
                    }
                }
                return true
            }
        } ?? false
    }

    private static func line(_ mode: UInt32, _ uid: UInt32, _ gid: UInt32, _ size: UInt64, _ links: UInt64, _ more: String) -> String {
        switch mode & 0o170000 {
        // Sizes and names of directories are the file system's own affair; a link has no permissions.
        case 0o040000: "\(String(mode, radix: 8)) \(uid) \(gid) \(more)"
        case 0o120000: "link \(uid) \(gid) \(links) \(more)"
        // Whom a whiteout belongs to is seen by nobody.
        case 0o020000 where more == "0:0": "whiteout"
        default: "\(String(mode, radix: 8)) \(uid) \(gid) \(size) \(links) \(more)"
        }
    }

    private static func list(_ tree: LayerTree, _ node: TreeNode, _ path: String, _ lines: inout [String: String]) throws {
        guard let facts = tree.attributes(of: node) else { throw BrokenPromise(description: "what is listed has attributes") }
        var more = ""
        switch facts.mode & 0o170000 {
        case 0o040000:
            let isOpaque = Array("trusted.overlay.opaque".utf8).withUnsafeBytes { tree.xattr($0, of: node) != nil }
            more = isOpaque ? "opaque" : ""
            var children: [(String, TreeNode)] = []
            _ = tree.forEachEntry(in: node, from: 0) { name, child, _, _ in
                children.append((String(decoding: name, as: UTF8.self), child))
                return true
            }
            for (name, child) in children where name != "." && name != ".." { try list(tree, child, path + "/" + name, &lines) }
        case 0o120000: more = tree.readLink(node).map { String(decoding: $0, as: UTF8.self) } ?? ""
        case 0o020000, 0o060000: more = "\(facts.deviceMajor):\(facts.deviceMinor)"
        default: break
        }
        let size = facts.mode & 0o170000 == 0o100000 ? facts.size : 0
        lines[path] = line(UInt32(facts.mode), facts.uid, facts.gid, size, UInt64(facts.linkCount), more)
    }

    private static func list(_ top: String, _ path: String, _ lines: inout [String: String]) throws {
        var facts = stat()
        guard lstat(top + path, &facts) == 0 else { throw BrokenPromise(description: "what is listed is there: \(path)") }
        var more = ""
        switch facts.st_mode & S_IFMT {
        case S_IFDIR:
            var value: UInt8 = 0
            more = starling_lgetxattr(top + path, "trusted.overlay.opaque", &value, 1) == 1 && value == UInt8(ascii: "y") ? "opaque" : ""
            for name in try Files.entries(top + path) { try list(top, path + "/" + name, &lines) }
        case S_IFLNK:
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = readlink(top + path, &buffer, buffer.count)
            more = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        case S_IFCHR, S_IFBLK:
            let device = facts.st_rdev
            more = "\(device >> 8 & 0xfff | device >> 32 & ~0xfff):\(device & 0xff | device >> 12 & ~0xff)"
        default: break
        }
        let size = facts.st_mode & S_IFMT == S_IFREG ? UInt64(facts.st_size) : 0
        lines[path] = line(facts.st_mode, facts.st_uid, facts.st_gid, size, UInt64(facts.st_nlink), more)
    }
}
