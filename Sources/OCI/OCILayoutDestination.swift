internal import Digests
internal import Glibc
internal import Synchronization

/// A place in an OCI image layout on disk. Blobs appear whole, by a rename; `index.json` is replaced last; other images stay.
public final class OCILayoutDestination: ImageDestination {
    private let directory: String
    private let tag: String?
    private let made = Mutex(Made())

    /// What `abandon` takes back.
    private struct Made {
        var blobs: [String] = []
        var directories: [String] = []
        var isTagged = false
    }

    /// The image of a tag (or none) in a layout, which is made when it is not there.
    public init(directory: String, tag: String?) {
        self.directory = directory
        self.tag = tag
    }

    /// `oci:DIR[:TAG]`.
    public var name: String { ImageName.layout(directory: directory, tag: tag).description }

    private func path(_ descriptor: Descriptor) -> String { directory + "/blobs/sha256/" + descriptor.digest.hex }

    /// Makes the directories and sees whether they can be written.
    public func check() async throws {
        for path in [directory, directory + "/blobs", directory + "/blobs/sha256"] {
            if mkdir(path, 0o755) == 0 {
                made.withLock { $0.directories.append(path) }
            } else if errno != EEXIST {
                throw LayoutError.last("create", path)
            }
        }
        guard access(directory + "/blobs/sha256", W_OK) == 0, access(directory, W_OK) == 0 else {
            throw LayoutError.last("write to", directory)
        }
    }

    /// Whether the layout has the blob.
    public func hasBlob(_ descriptor: Descriptor) async throws -> Bool {
        var status = stat()
        return stat(path(descriptor), &status) == 0 && Int64(status.st_size) == descriptor.size
    }

    /// Stores a blob from memory.
    public func putBlob(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try await put(descriptor) { file in
            try file.append(bytes)
            return Int64(bytes.count)
        }
    }

    /// The layout itself: what waits there needs no space twice.
    public var stagingDirectory: String? { directory }

    /// Stores a blob from a file: by a rename when it is under `stagingDirectory`, else by a verified copy.
    public func putBlob(_ descriptor: Descriptor, file: String) async throws {
        guard file.hasPrefix(directory + "/") else {
            return try await putBlob(descriptor, from: FileBlobStream(path: file, descriptor: descriptor))
        }
        if try await hasBlob(descriptor) { return }
        let size = try LayoutFile(file).size()
        guard size == descriptor.size else { throw mismatch(descriptor, size) }
        let target = path(descriptor)
        guard rename(file, target) == 0 else { throw LayoutError.last("rename to", target) }
        made.withLock { $0.blobs.append(target) }
    }

    /// Stores a blob from another source.
    public func putBlob(_ descriptor: Descriptor, from stream: any BlobStream) async throws {
        defer { stream.cancel() }
        try await put(descriptor) { try $0.append(from: stream) }
    }

    /// Stores a manifest or index.
    public func putDocument(_ descriptor: Descriptor, bytes: [UInt8]) async throws { try await putBlob(descriptor, bytes: bytes) }

    private func put(_ descriptor: Descriptor, _ write: (LayoutFile) throws -> Int64) async throws {
        if try await hasBlob(descriptor) { return }
        let target = path(descriptor)
        try replace(target) { file in
            let size = try write(file)
            guard size == descriptor.size else { throw mismatch(descriptor, size) }
        }
        made.withLock { $0.blobs.append(target) }
    }

    private func mismatch(_ descriptor: Descriptor, _ size: Int64) -> LayoutError {
        .mismatch(path: name, digest: descriptor.digest, reason: "\(size) bytes instead of \(descriptor.size)")
    }

    private func replace(_ path: String, _ write: (LayoutFile) throws -> Void) throws {
        let temporary = "\(path).tmp-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        do {
            try write(LayoutFile(temporary, flags: O_WRONLY | O_CREAT | O_EXCL))
            guard rename(temporary, path) == 0 else { throw LayoutError.last("rename to", path) }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// Puts the image into `index.json`, which is replaced in one step.
    public func tag(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try await putDocument(descriptor, bytes: bytes)
        var index: Index?
        let path = directory + "/index.json"
        if access(path, F_OK) == 0 {
            let file = try LayoutFile(path)
            let size = Int(try file.size())
            guard size <= Documents.maximumSize else { throw DocumentError.tooLarge(what: path, size: size) }
            index = try Documents.decode(Index.self, from: file.bytes(at: 0, count: size), what: path)
        }
        let encoded = try Documents.encode(LayoutIndex.adding(descriptor, tag: tag, to: index))
        if access(directory + "/oci-layout", F_OK) != 0 {
            try replace(directory + "/oci-layout") { try $0.append(LayoutIndex.marker) }
            made.withLock { $0.blobs.append(directory + "/oci-layout") }
        }
        try replace(path) { try $0.append(encoded) }
        made.withLock { $0.isTagged = true }
    }

    /// The same layout with a longer tag.
    public func companion(tagSuffix: String) throws -> any ImageDestination {
        guard let tag else { throw NoCompanionError(name: name) }
        return OCILayoutDestination(directory: directory, tag: tag + tagSuffix)
    }

    /// Takes back the blobs and directories that were made, unless the image was tagged.
    public func abandon() async {
        let made = made.withLock { $0 }
        guard !made.isTagged else { return }
        for path in made.blobs { unlink(path) }
        for path in made.directories.reversed() { rmdir(path) }
    }
}
