internal import Digests
internal import Tar

/// The members of a tar that holds images, by name: read in place, nothing is unpacked.
///
/// Member names are paths without `./` in front. Links lead to the member that has the bytes: docker once wrote a layer that two images
/// share as a symbolic link to the first, and archivers write a second name of a file as a hard link.
struct ArchiveMembers: Sendable {
    /// A regular file of the archive: where its bytes are.
    struct Member: Sendable {
        var start: Int64
        var size: Int64
    }

    private enum Entry: Sendable {
        case file(Member)
        /// Name of another member.
        case link(String)
    }

    let file: LayoutFile
    private var entries: [String: Entry] = [:]

    var path: String { file.path }

    /// Entries of an archive at most; an image has a few per layer, and each costs memory.
    private static let maximumEntries = 100_000
    /// Links in a row at most, as Linux has it for symbolic links.
    private static let maximumLinks = 40

    /// Opens an archive and lists its members. A name that comes twice means the last one.
    ///
    /// - Throws: `LayoutError.notAnArchive`, or `.file` for a file that cannot be read.
    init(_ path: String) throws {
        file = try LayoutFile(path)
        let end = try file.size()
        try ArchiveMembers.refuseCompressed(file)
        var offset: Int64 = 0
        while let entry = try ArchiveMembers.entry(of: file, at: offset) {
            let start = offset + Int64(entry.headerBytes.count)
            guard entry.size <= end - start else { throw LayoutError.notAnArchive(path: path, reason: "\(entry.name) is cut short") }
            let name = ArchiveMembers.normalized(entry.name)
            switch entry.kind {
            case .regular: entries[name] = .file(Member(start: start, size: entry.size))
            case .hardlink: entries[name] = .link(ArchiveMembers.normalized(entry.linkName))
            case .symlink: entries[name] = .link(ArchiveMembers.normalized(entry.linkName, from: name))
            default: break
            }
            guard entries.count <= ArchiveMembers.maximumEntries else {
                throw LayoutError.notAnArchive(path: path, reason: "more than \(ArchiveMembers.maximumEntries) members")
            }
            offset = start + entry.size + Int64(entry.paddingSize)
        }
    }

    /// The file of that name, through links; nil when there is none.
    subscript(name: String) -> Member? {
        var name = ArchiveMembers.normalized(name)
        for _ in 0..<ArchiveMembers.maximumLinks {
            switch entries[name] {
            case .file(let member): return member
            case .link(let target): name = target
            case nil: return nil
            }
        }
        return nil
    }

    /// The bytes of a small file.
    ///
    /// - Throws: `LayoutError.notAnArchive` when there is none, `DocumentError.tooLarge`.
    func document(_ name: String) throws -> [UInt8] {
        guard let member = self[name] else { throw LayoutError.notAnArchive(path: path, reason: "there is no \(name)") }
        guard member.size <= Documents.maximumSize else { throw DocumentError.tooLarge(what: "\(path): \(name)", size: Int(member.size)) }
        return try file.bytes(at: member.start, count: Int(member.size))
    }

    /// The bytes of a file as the blob of a descriptor.
    func blob(_ member: Member, _ descriptor: Descriptor) throws(LayoutError) -> FileBlobStream {
        try check(member, descriptor)
        return FileBlobStream(file, start: member.start, descriptor: descriptor)
    }

    /// The same in parts.
    func ranges(_ member: Member, _ descriptor: Descriptor) throws(LayoutError) -> FileRanges {
        try check(member, descriptor)
        return FileRanges(file: file, start: member.start, size: UInt64(member.size))
    }

    private func check(_ member: Member, _ descriptor: Descriptor) throws(LayoutError) {
        guard member.size == descriptor.size else {
            throw .mismatch(path: path, digest: descriptor.digest, reason: "\(member.size) bytes instead of \(descriptor.size)")
        }
    }

    /// A path without `.` and `..`, relative to the archive's top or to the directory of another member.
    private static func normalized(_ name: String, from link: String? = nil) -> String {
        var parts: [Substring] = []
        if let link, !name.hasPrefix("/") { parts = link.split(separator: "/").dropLast() }
        for part in name.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }

    /// The headers at a place, whatever form they have; nil at the archive's end.
    private static func entry(of file: LayoutFile, at offset: Int64) throws -> TarEntry? {
        do {
            return try TarReader(FileWindow(file, at: offset)).next()
        } catch is TarError {
            throw LayoutError.notAnArchive(
                path: file.path, reason: offset == 0 ? "it is not a tar" : "its entry at byte \(offset) cannot be read")
        }
    }

    private static func refuseCompressed(_ file: LayoutFile) throws {
        var magic = [UInt8](repeating: 0, count: 6)
        let count = try magic.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        for (name, bytes, tool) in [
            ("gzip", [0x1f, 0x8b], "gunzip"), ("zstd", [0x28, 0xb5, 0x2f, 0xfd], "unzstd"), ("xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a], "unxz"),
            ("bzip2", [0x42, 0x5a, 0x68], "bunzip2"),
        ] as [(String, [UInt8], String)] where magic[..<count].starts(with: bytes) {
            throw LayoutError.notAnArchive(
                path: file.path, reason: "it is compressed with \(name), and an archive is read in place; decompress it first (\(tool))")
        }
    }
}

/// A file from a place on, in small pieces: what a tar reader takes of it is a header or two.
private final class FileWindow: TarInput {
    private let file: LayoutFile
    private var offset: Int64
    /// A pax header with its records, and the entry's own, nearly always fit.
    private static let pieceSize = 2048

    init(_ file: LayoutFile, at offset: Int64) {
        self.file = file
        self.offset = offset
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(FileWindow.pieceSize)), at: offset)
        offset += Int64(count)
        return count
    }
}
