internal import Digests
internal import Glibc
public import HostSystem
public import OCI

/// Images that were opened here before: what their names meant then, with manifest and configuration, so that they can be opened again and nobody
/// has to be asked.
///
///     ROOT/images/<64 hex>.json    one image; the name is the digest of reference and platform
///
/// What is in a file proves itself by the digests when it is read; a damaged one counts as not there.
public struct LocalImages: Sendable {
    private let directory: String

    /// The images below a root.
    public init(root: String) { directory = root + "/images" }

    /// One image.
    public struct Image: Codable, Equatable, Sendable {
        /// The full reference that it was opened by.
        public var reference: String
        /// Platform that was wanted.
        public var platform: String
        /// What the reference meant: an index, or the manifest.
        public var target: Descriptor
        /// The manifest.
        public var descriptor: Descriptor
        /// The manifest's bytes, which are a text.
        public var manifestText: String
        /// The configuration's.
        public var configText: String
        /// When the registry was asked last, in seconds since 1970.
        public var pulled: Int64

        /// Describes an image; nil when its documents are no texts.
        public init?(reference: Reference, platform: Platform, image: PlatformImage, config: [UInt8]) {
            guard let manifestText = String(validating: image.bytes, as: UTF8.self),
                let configText = String(validating: config, as: UTF8.self)
            else { return nil }
            self.reference = reference.description
            self.platform = platform.description
            target = image.target
            descriptor = image.descriptor
            self.manifestText = manifestText
            self.configText = configText
            pulled = Int64(time(nil))
        }

        /// The manifest.
        public func manifest() throws -> Manifest {
            try Documents.decode(Manifest.self, from: Array(manifestText.utf8), what: "manifest of \(reference)")
        }

        /// The configuration's bytes.
        public var config: [UInt8] { Array(configText.utf8) }

        /// Whether both documents are those that the digests stand for.
        var isWhole: Bool {
            guard Digest.sha256(Array(manifestText.utf8)) == descriptor.digest, let manifest = try? manifest() else { return false }
            return Digest.sha256(config) == manifest.config.digest
        }
    }

    /// The image that a reference meant when it was last asked for; nil when it was not, or nothing can be read.
    public func image(_ reference: Reference, _ platform: Platform) -> Image? {
        read(path(reference.description, platform.description))
    }

    /// Remembers an image. One whose documents are too large for a file of ours is not, and asked for each time.
    public func add(_ image: Image) throws {
        let bytes = try Documents.encode(image)
        guard bytes.count <= Documents.maximumSize else { return }
        try Files.makeDirectories(directory, mode: 0o700)
        try AtomicFile.write(bytes, to: path(image.reference, image.platform), mode: 0o600, durably: false)
    }

    /// Forgets an image.
    public func remove(_ image: Image) throws(HostError) { try Files.remove(path(image.reference, image.platform)) }

    /// All images, by reference and platform.
    public func all() throws -> [Image] {
        guard Files.exists(directory) else { return [] }
        return try Files.entries(directory).filter { $0.hasSuffix(".json") }.compactMap { read(directory + "/" + $0) }.sorted {
            ($0.reference, $0.platform) < ($1.reference, $1.platform)
        }
    }

    private func path(_ reference: String, _ platform: String) -> String {
        "\(directory)/\(Digest.sha256(Array("\(reference) \(platform)".utf8)).hex).json"
    }

    private func read(_ path: String) -> Image? {
        // What is not there, or damaged, is asked for again.
        guard let bytes = try? Files.read(path, limit: Documents.maximumSize),
            let image = try? Documents.decode(Image.self, from: bytes, what: path), image.isWhole
        else { return nil }
        return image
    }
}
