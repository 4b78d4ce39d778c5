internal import Digests
internal import EStargz
internal import Glibc
internal import HostSystem
internal import Tar

/// Writes the entries of a layer's archive as the directory tree that overlayfs expects of a lower layer.
///
/// Whiteouts become devices 0:0 and opaque marks an attribute (kernel documentation, "overlayfs"; OCI image specification, "layer.md").
/// Paths are resolved inside the tree only. Directories get their attributes last, so that no later entry changes their times.
///
/// They are remembered by what they are and not by their paths: links among a layer's directories lead to one by several, and what a path
/// leads to in the end may be another thing.
final class LayerTreeWriter {
    private let tree: RootedDirectory
    private let layer: Digest
    private var directories: [RootedDirectory.Identity: (path: [UInt8], attributes: RootedDirectory.Attributes)] = [:]
    /// Paths that this layer hides in lower ones. A directory that has one in the end is opaque, wherever in the archive the whiteout was.
    private var whiteouts: Set<[UInt8]> = []

    private static let whiteoutPrefix = Array(".wh.".utf8)
    private static let opaqueMark = Array(".wh..wh..opq".utf8)
    // In a user namespace overlayfs keeps its marks where it may write them, as the mount option `userxattr` says.
    private static let opaqueAttribute = UserNamespace.isNested ? "user.overlay.opaque" : "trusted.overlay.opaque"

    init(_ path: String, layer: Digest) throws(HostError) {
        tree = try RootedDirectory(path)
        self.layer = layer
    }

    func write(_ reader: TarReader) throws {
        while let entry = try reader.next() {
            let path = try normalized(entry.nameBytes, entry)
            // The format's own entries are no files of the image: they do not show in a lazily mounted layer either.
            if TOC.isInternalName(String(decoding: path, as: UTF8.self)) { continue }
            if try !writeMark(entry, path) { try write(entry, path, reader) }
        }
        for (identity, (path, attributes)) in directories where try tree.identity(ofDirectory: path) == identity {
            try tree.setAttributes(attributes, path)
        }
        for path in whiteouts where try tree.identity(ofDirectory: path) != nil { try makeOpaque(path) }
    }

    /// Handles whiteouts and opaque marks; false for any other entry.
    private func writeMark(_ entry: TarEntry, _ path: [UInt8]) throws -> Bool {
        let slash = path.lastIndex(of: UInt8(ascii: "/"))
        let parent = Array(path[..<(slash ?? 0)])
        let name = Array(path[(slash.map { $0 + 1 } ?? 0)...])
        guard name.starts(with: LayerTreeWriter.whiteoutPrefix) else { return false }
        if name == LayerTreeWriter.opaqueMark {
            try makeOpaque(parent)
            return true
        }
        let hidden = Array(name.dropFirst(LayerTreeWriter.whiteoutPrefix.count))
        // `.wh..wh.plnk` and its like are aufs' own notes; an empty name hides nothing.
        guard !hidden.isEmpty, !hidden.starts(with: LayerTreeWriter.whiteoutPrefix) else { return true }
        let dot = UInt8(ascii: ".")
        guard hidden != [dot], hidden != [dot, dot] else {
            throw refused(entry, "it removes the directory that it is in, or the one above")
        }
        let target = parent + (parent.isEmpty ? [] : [UInt8(ascii: "/")]) + hidden
        // A whiteout is about lower layers only: what this layer has of that name stays, and covers the lower one.
        if try tree.kind(target) == nil { try tree.make(.character(major: 0, minor: 0), target) }
        whiteouts.insert(target)
        return true
    }

    private func makeOpaque(_ path: [UInt8]) throws(HostError) {
        try tree.makeDirectories(path)
        try tree.setXattr(LayerTreeWriter.opaqueAttribute, Array("y".utf8), path)
    }

    private func write(_ entry: TarEntry, _ path: [UInt8], _ reader: TarReader) throws {
        let attributes = try attributes(entry)
        if entry.kind == .directory {
            try tree.makeDirectory(path)
            if let identity = try tree.identity(ofDirectory: path) { directories[identity] = (path, attributes) }
            return
        }
        guard !path.isEmpty else { throw refused(entry, "the root of a layer is a directory") }
        switch entry.kind {
        case .regular: try writeFile(path, reader)
        case .hardlink: return try tree.makeHardLink(path, to: normalized(entry.linkNameBytes, entry))
        case .symlink: try tree.make(.symbolicLink(target: entry.linkNameBytes), path)
        case .fifo: try tree.make(.fifo, path)
        case .character, .block, .directory:
            guard let major = UInt32(exactly: entry.deviceMajor), let minor = UInt32(exactly: entry.deviceMinor) else {
                throw refused(entry, "its device number is not possible")
            }
            // An ordinary user cannot make devices, and a container of theirs could not open them.
            if UserNamespace.isNested { return }
            try tree.make(entry.kind == .block ? .block(major: major, minor: minor) : .character(major: major, minor: minor), path)
        }
        try tree.setAttributes(attributes, path)
    }

    private func writeFile(_ path: [UInt8], _ reader: TarReader) throws {
        let file = try tree.createFile(path)
        defer { close(file) }
        let name = String(decoding: path, as: UTF8.self)
        while try reader.withPayload(atMost: 1 << 20, { try FileDescriptors.write($0, to: file, path: name) }) != nil {}
    }

    private func attributes(_ entry: TarEntry) throws(ContainerError) -> RootedDirectory.Attributes {
        guard let uid = UInt32(exactly: entry.uid), let gid = UInt32(exactly: entry.gid) else {
            throw refused(entry, "its owner \(entry.uid):\(entry.gid) is not possible")
        }
        return RootedDirectory.Attributes(
            uid: uid, gid: gid, permissions: entry.kind == .symlink ? nil : UInt32(truncatingIfNeeded: entry.mode) & 0o7777,
            modified: (entry.modificationTime.seconds, entry.modificationTime.nanoseconds),
            xattrs: entry.xattrs.filter { LayerTreeWriter.isWritten($0.key) })
    }

    /// An image must not tell overlayfs what to do; and an ordinary user may not write what is trusted.
    private static func isWritten(_ attribute: String) -> Bool {
        let isMark = attribute.hasPrefix("trusted.overlay.") || attribute.hasPrefix("user.overlay.")
        return !isMark && !(UserNamespace.isNested && attribute.hasPrefix("trusted."))
    }

    /// The path without leading slash, `.` and doubled slashes; `..` is refused, for no honest layer has it.
    private func normalized(_ name: [UInt8], _ entry: TarEntry) throws(ContainerError) -> [UInt8] {
        let dot = UInt8(ascii: ".")
        let components = name.split(separator: UInt8(ascii: "/")).filter { $0 != [dot] }
        guard !components.contains([dot, dot]) else { throw refused(entry, "its path leads out of the layer") }
        return Array(components.joined(separator: [UInt8(ascii: "/")]))
    }

    private func refused(_ entry: TarEntry, _ reason: String) -> ContainerError {
        .layerEntry(layer: layer, entry: entry.name, reason: reason)
    }
}
