internal import Digests
internal import Glibc

/// A tar of an OCI image layout, written beside its final name and renamed when it is whole; an older file of that name is replaced then.
///
/// Blobs are collected in a layout in a temporary directory next to the file and written in the order of their digests: same image, same bytes.
public final class OCIArchiveDestination: ImageDestination {
    private let path: String
    private let tagName: String?
    private let layout: OCILayoutDestination
    private let staging: String

    /// The image of a tag (or none) in a new archive.
    public init(file: String, tag: String?) {
        path = file
        tagName = tag
        staging = "\(file).tmp-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        layout = OCILayoutDestination(directory: staging, tag: tag)
    }

    /// `oci-archive:FILE[:TAG]`.
    public var name: String { ImageName.archive(file: path, tag: tagName).description }

    /// Sees whether something can be written beside the file.
    public func check() async throws {
        do {
            try await layout.check()
        } catch LayoutError.system(_, _, let code) {
            throw LayoutError.system(operation: "create", path: path, code: code)
        }
    }

    /// Whether the blob was stored already.
    public func hasBlob(_ descriptor: Descriptor) async throws -> Bool { try await layout.hasBlob(descriptor) }
    /// Stores a blob from memory.
    public func putBlob(_ descriptor: Descriptor, bytes: [UInt8]) async throws { try await layout.putBlob(descriptor, bytes: bytes) }
    /// Stores a blob from a file.
    public func putBlob(_ descriptor: Descriptor, file: String) async throws { try await layout.putBlob(descriptor, file: file) }
    /// Stores a blob from another source.
    public func putBlob(_ descriptor: Descriptor, from stream: any BlobStream) async throws {
        try await layout.putBlob(descriptor, from: stream)
    }
    /// Stores a manifest or index.
    public func putDocument(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try await layout.putDocument(descriptor, bytes: bytes)
    }

    /// Writes the archive and gives it its name.
    public func tag(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try await layout.tag(descriptor, bytes: bytes)
        let temporary = staging + ".tar"
        do {
            try write(to: LayoutFile(temporary, flags: O_WRONLY | O_CREAT | O_EXCL))
            guard rename(temporary, path) == 0 else { throw LayoutError.last("rename to", path) }
        } catch {
            unlink(temporary)
            throw error
        }
        removeStaging()
    }

    /// An archive of its own beside this one: the suffix stands behind the tag, and in the file's name before `.tar`.
    public func companion(tagSuffix: String) throws -> any ImageDestination {
        OCIArchiveDestination(file: OCIArchiveSource.companion(of: path, tagSuffix), tag: tagName.map { $0 + tagSuffix })
    }

    /// Removes everything temporary.
    public func abandon() async { removeStaging() }

    private func write(to archive: LayoutFile) throws {
        for name in try ["oci-layout", "index.json"] + blobs().map({ "blobs/sha256/" + $0 }) {
            let source = try LayoutFile(staging + "/" + name)
            let size = try source.size()
            try archive.append(ArchiveHeader.block(name: name, size: size))
            try copy(source, size, to: archive)
        }
        try archive.append([UInt8](repeating: 0, count: 2 * ArchiveHeader.blockSize))
    }

    private func copy(_ source: LayoutFile, _ size: Int64, to archive: LayoutFile) throws {
        var offset: Int64 = 0
        while offset < size {
            let piece = try source.bytes(at: offset, count: Int(min(1 << 20, size - offset)))
            try archive.append(piece)
            offset += Int64(piece.count)
        }
        try archive.append([UInt8](repeating: 0, count: Int(-size & Int64(ArchiveHeader.blockSize - 1))))
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

    private func removeStaging() {
        // Only what this object can have made: blobs, two files, three directories.
        for name in (try? blobs()) ?? [] { unlink(staging + "/blobs/sha256/" + name) }
        for name in ["/index.json", "/oci-layout"] { unlink(staging + name) }
        for name in ["/blobs/sha256", "/blobs", ""] { rmdir(staging + name) }
    }
}
