internal import Digests
internal import Glibc
internal import HostSystem
internal import Synchronization

/// A place in an OCI image layout on disk. Nothing of the image is there before all of it is; `index.json` is replaced last; other images
/// stay.
public final class OCILayoutDestination: ImageDestination {
    private let directory: String
    private let tag: String?
    private let staged: StagedBlobs
    private let made = Mutex(Made())

    /// What `abandon` takes back.
    private struct Made {
        var files: [String] = []
        var directories: [String] = []
        var isTagged = false
    }

    /// The image of a tag (or none) in a layout, which is made when it is not there.
    public init(directory: String, tag: String?) {
        self.directory = directory
        self.tag = tag
        // Blobs get their names by a link: their directory, or where it will be made.
        let nearest = OCILayoutDestination.directories(of: directory).last(where: Files.isDirectory) ?? Paths.parent(of: directory)
        staged = StagedBlobs(of: ImageName.layout(directory: directory, tag: tag).description, in: nearest)
    }

    /// `oci:DIR[:TAG]`.
    public var name: String { ImageName.layout(directory: directory, tag: tag).description }

    private var blobs: String { directory + "/blobs/sha256" }

    /// A layout's directories, outermost first.
    private static func directories(of layout: String) -> [String] { [layout, layout + "/blobs", layout + "/blobs/sha256"] }

    /// Sees whether the layout can be written, or made. Removes what others who were killed have left there.
    public func check() async throws {
        for path in [Paths.parent(of: directory), directory, blobs] { TemporaryFile.reap(in: path) }
        for path in OCILayoutDestination.directories(of: directory) {
            if access(path + "/.", W_OK | X_OK) == 0 { continue }
            guard errno == ENOENT, !Files.exists(path) else { throw LayoutError.last("write to", path) }
            guard access(Paths.parent(of: path), W_OK | X_OK) == 0 else { throw LayoutError.last("create", path) }
            break
        }
    }

    /// In the layout, or beside it as long as it is not there: what waits here becomes its blob and is not copied.
    public var stagingDirectory: String? { staged.directory }

    /// A blob that is written in place.
    public func ingest(_ terms: IngestTerms) async throws -> any BlobIngest { LayoutIngest(into: self) }

    /// Stores a blob from memory.
    public func putBlob(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        if !isStored(descriptor) { try put(descriptor, .bytes(bytes)) }
    }

    /// A file that can become a blob.
    func temporaryFile() throws(LayoutError) -> TemporaryFile {
        try LayoutError.ofFile { () throws(HostError) in try TemporaryFile(in: staged.directory, for: StagedBlobs.published) }
    }

    /// Keeps a blob until the image is tagged.
    func put(_ descriptor: Descriptor, _ content: StagedBlobs.Content) throws(LayoutError) { try staged.put(descriptor, content) }

    /// Whether the layout has the blob, or will have it.
    func has(_ descriptor: Descriptor) -> Bool { staged.has(descriptor.digest) || isStored(descriptor) }

    private func isStored(_ descriptor: Descriptor) -> Bool {
        var facts = stat()
        return stat(blobs + "/" + descriptor.digest.hex, &facts) == 0 && Int64(facts.st_size) == descriptor.size
    }

    /// Stores a manifest or index.
    public func putDocument(_ descriptor: Descriptor, bytes: [UInt8]) async throws { try await putBlob(descriptor, bytes: bytes) }

    /// Gives the blobs their names and puts the image into `index.json`, which is replaced in one step.
    public func tag(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try await putDocument(descriptor, bytes: bytes)
        try makeDirectories()
        for digest in staged.digests {
            guard let content = staged.take(digest) else { continue }
            try publish(content, as: blobs + "/" + digest.hex, isNew: true)
        }
        let index = try Documents.encode(LayoutIndex.adding(descriptor, tag: tag, to: try currentIndex()))
        let marker = directory + "/oci-layout"
        if !Files.exists(marker) { try publish(.bytes(LayoutIndex.marker), as: marker, isNew: true) }
        try publish(.bytes(index), as: directory + "/index.json", isNew: false)
        made.withLock { $0.isTagged = true }
    }

    private func makeDirectories() throws(LayoutError) {
        for path in OCILayoutDestination.directories(of: directory) {
            if mkdir(path, 0o755) == 0 {
                made.withLock { $0.directories.append(path) }
            } else if errno != EEXIST {
                throw .last("create", path)
            }
        }
    }

    private func currentIndex() throws -> Index? {
        let path = directory + "/index.json"
        guard Files.exists(path) else { return nil }
        let file = try LayoutFile(path)
        let size = Int(try file.size())
        guard size <= Documents.maximumSize else { throw DocumentError.tooLarge(what: path, size: size) }
        return try Documents.decode(Index.self, from: file.bytes(at: 0, count: size), what: path)
    }

    /// - Parameter isNew: whether `abandon` may remove it.
    private func publish(_ content: StagedBlobs.Content, as path: String, isNew: Bool) throws(LayoutError) {
        try LayoutError.ofFile { () throws(HostError) in
            switch content {
            case .file(let file): try file.publish(as: path)
            case .bytes(let bytes):
                let file = try TemporaryFile(in: Paths.parent(of: path), for: StagedBlobs.published)
                try file.append(bytes)
                try file.publish(as: path)
            }
        }
        if isNew { made.withLock { $0.files.append(path) } }
    }

    /// The same layout with a longer tag.
    public func companion(tagSuffix: String) throws -> any ImageDestination {
        guard let tag else { throw NoCompanionError(name: name) }
        return OCILayoutDestination(directory: directory, tag: tag + tagSuffix)
    }

    /// Takes back the blobs and directories that were made, unless the image was tagged.
    public func abandon() async {
        staged.removeAll()
        let made = made.withLock { $0 }
        guard !made.isTagged else { return }
        for path in made.files { unlink(path) }
        for path in made.directories.reversed() { rmdir(path) }
    }
}
