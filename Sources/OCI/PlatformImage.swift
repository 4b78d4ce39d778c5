/// The manifest of an image for one platform, and how it was found: directly, or in an index.
public struct PlatformImage: Sendable {
    /// What the image's name means: an index, or the manifest itself.
    public let target: Descriptor
    /// Bytes of the index; nil when the name means a manifest.
    public let index: [UInt8]?
    /// The manifest's descriptor; from the index when there is one.
    public let descriptor: Descriptor
    /// The manifest's bytes.
    public let bytes: [UInt8]
    /// The manifest.
    public let manifest: Manifest

    /// Reads the documents of a source down to the manifest.
    ///
    /// - Throws: `PlatformImageError`, `DocumentError`, or what the source throws.
    public init(source: any ImageSource, platform: Platform) async throws {
        let (target, bytes) = try await source.root()
        self.target = target
        if MediaType.isIndex(target.mediaType) {
            let list = try Documents.decode(Index.self, from: bytes, what: "index of \(source.name)")
            guard let chosen = list.manifest(for: platform) else {
                throw PlatformImageError(source: source.name, wanted: platform, index: list)
            }
            index = bytes
            descriptor = chosen
            self.bytes = try await source.document(chosen)
        } else {
            index = nil
            descriptor = target
            self.bytes = bytes
        }
        manifest = try Documents.decode(Manifest.self, from: self.bytes, what: "manifest of \(source.name)")
    }
}

/// An index has no image for a platform.
public struct PlatformImageError: Error, Equatable, CustomStringConvertible {
    /// The source as the user named it.
    public let source: String
    /// The platform that was asked for.
    public let wanted: Platform
    /// The platforms that are there.
    public let available: [String]

    /// Says what an index has; attestations are no platforms.
    public init(source: String, wanted: Platform, index: Index) {
        let platforms = index.manifests.compactMap(\.platform).filter { $0.os != "unknown" }
        self.init(source: source, wanted: wanted, available: platforms.map(\.description))
    }

    /// Says what `source` has.
    public init(source: String, wanted: Platform, available: [String]) {
        self.source = source
        self.wanted = wanted
        self.available = available
    }

    /// One line for the user.
    public var description: String {
        "\(source) has no image for \(wanted); it has \(available.isEmpty ? "none" : available.joined(separator: ", "))"
            + "; choose one with --platform"
    }
}
