internal import Digests
internal import Glibc

/// An archive in the making: a layout in a temporary directory beside the file, written as a tar that gets the file's name when it is whole.
///
/// The blobs are written in the order of their digests: same image, same bytes.
final class ArchiveStaging: Sendable {
    /// Where blobs, documents and the index are collected.
    let layout: OCILayoutDestination
    private let path: String
    private let staging: String

    init(file: String, tag: String?) {
        path = file
        staging = "\(file).tmp-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        layout = OCILayoutDestination(directory: staging, tag: tag)
    }

    /// Sees whether something can be written beside the file.
    func check() async throws {
        do {
            try await layout.check()
        } catch LayoutError.system(_, _, let code) {
            throw LayoutError.system(operation: "create", path: path, code: code)
        }
    }

    /// Puts the image into the layout's index, writes the archive with one more file, if any, and gives it its name.
    func publish(_ descriptor: Descriptor, bytes: [UInt8], more: (name: String, bytes: [UInt8])? = nil) async throws {
        try await layout.tag(descriptor, bytes: bytes)
        let temporary = staging + ".tar"
        do {
            try write(to: LayoutFile(temporary, flags: O_WRONLY | O_CREAT | O_EXCL), more)
            guard rename(temporary, path) == 0 else { throw LayoutError.last("rename to", path) }
        } catch {
            unlink(temporary)
            throw error
        }
        remove()
    }

    private func write(to archive: LayoutFile, _ more: (name: String, bytes: [UInt8])?) throws {
        try write("oci-layout", to: archive)
        try write("index.json", to: archive)
        if let more {
            try archive.append(ArchiveHeader.block(name: more.name, size: Int64(more.bytes.count)))
            try archive.append(more.bytes)
            try archive.append(ArchiveHeader.padding(afterSize: Int64(more.bytes.count)))
        }
        for blob in try blobs() { try write("blobs/sha256/" + blob, to: archive) }
        try archive.append([UInt8](repeating: 0, count: 2 * ArchiveHeader.blockSize))
    }

    private func write(_ name: String, to archive: LayoutFile) throws {
        let source = try LayoutFile(staging + "/" + name)
        let size = try source.size()
        try archive.append(ArchiveHeader.block(name: name, size: size))
        var offset: Int64 = 0
        while offset < size {
            let piece = try source.bytes(at: offset, count: Int(min(1 << 20, size - offset)))
            try archive.append(piece)
            offset += Int64(piece.count)
        }
        try archive.append(ArchiveHeader.padding(afterSize: size))
    }

    /// The file of an archive that belongs to this one: the suffix stands before `.tar`.
    static func companion(of path: String, suffix: String) -> String {
        path.hasSuffix(".tar") ? path.dropLast(".tar".count) + suffix + ".tar" : path + suffix
    }

    private func blobs() throws -> [String] {
        guard let directory = opendir(staging + "/blobs/sha256") else { throw LayoutError.last("list", staging) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if Digest(hex: name) != nil { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes everything temporary.
    func remove() {
        // Only what this object can have made: blobs, two files, three directories.
        for name in (try? blobs()) ?? [] { unlink(staging + "/blobs/sha256/" + name) }
        for name in ["/index.json", "/oci-layout"] { unlink(staging + name) }
        for name in ["/blobs/sha256", "/blobs", ""] { rmdir(staging + name) }
    }
}
