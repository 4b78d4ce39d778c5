/// An image as the user names it: where it is, and which one. The spellings are skopeo's, which knows all but containerd's.
public enum ImageName: Hashable, Sendable, CustomStringConvertible {
    /// `docker://REF`, or a bare reference: an image in a registry.
    case registry(Reference)
    /// `oci:DIR[:TAG]`: an OCI image layout.
    case layout(directory: String, tag: String?)
    /// `oci-archive:FILE[:TAG]`: a tar of an OCI image layout.
    case archive(file: String, tag: String?)
    /// `docker-archive:FILE[:REF]`: an archive of `docker save`; as a source also `FILE:@N`.
    case dockerArchive(file: String, image: DockerArchiveImage?)
    /// `containerd:REF`: an image in a running containerd.
    case containerd(Reference)

    /// Parses a name.
    ///
    /// - Throws: `ImageNameError` for an unknown transport or an empty path, `ReferenceError` for what is no reference.
    public init(parsing text: String) throws {
        if text.hasPrefix("docker://") {
            self = .registry(try Reference(parsing: String(text.dropFirst("docker://".count))))
        } else if text.hasPrefix("oci:") {
            let (path, tag) = try ImageName.path(text.dropFirst("oci:".count), of: text)
            self = .layout(directory: path, tag: tag)
        } else if text.hasPrefix("oci-archive:") {
            let (path, tag) = try ImageName.path(text.dropFirst("oci-archive:".count), of: text)
            self = .archive(file: path, tag: tag)
        } else if text.hasPrefix("docker-archive:") {
            let (path, image) = try ImageName.path(text.dropFirst("docker-archive:".count), of: text)
            self = .dockerArchive(file: path, image: try image.map(DockerArchiveImage.init(parsing:)))
        } else if text.hasPrefix("containerd:") {
            self = .containerd(try Reference(parsing: String(text.dropFirst("containerd:".count))))
        } else if let transport = ImageName.otherTransport(text) {
            throw ImageNameError(text: text, reason: "unknown transport \"\(transport)\"")
        } else {
            self = .registry(try Reference(parsing: text))
        }
    }

    /// The name with its transport.
    public var description: String {
        switch self {
        case .registry(let reference): "docker://\(reference)"
        case .layout(let directory, let tag): "oci:\(directory)" + (tag.map { ":" + $0 } ?? "")
        case .archive(let file, let tag): "oci-archive:\(file)" + (tag.map { ":" + $0 } ?? "")
        case .dockerArchive(let file, let image): "docker-archive:\(file)" + (image.map { ":\($0)" } ?? "")
        case .containerd(let reference): "containerd:\(reference)"
        }
    }

    // Transports of skopeo that we do not have; anything else with a colon may be a registry's port or a tag.
    private static func otherTransport(_ text: String) -> String? {
        let known = ["docker-daemon", "containers-storage", "dir", "ostree", "sif", "tarball"]
        return known.first { text.hasPrefix($0 + ":") }
    }

    private static func path(_ rest: Substring, of text: String) throws -> (String, String?) {
        let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = parts.first, !path.isEmpty else { throw ImageNameError(text: text, reason: "the path is empty") }
        return (String(path), parts.count > 1 && !parts[1].isEmpty ? String(parts[1]) : nil)
    }
}

extension ImageName {
    /// The file of an archive that belongs to another: the suffix stands before `.tar`.
    static func companion(ofArchive path: String, suffix: String) -> String {
        path.hasSuffix(".tar") ? path.dropLast(".tar".count) + suffix + ".tar" : path + suffix
    }
}

/// Why a text does not name an image.
public struct ImageNameError: Error, Equatable, CustomStringConvertible {
    /// What was given.
    public let text: String
    /// What is wrong.
    public let reason: String

    /// Says what is wrong with a name.
    public init(text: String, reason: String) {
        self.text = text
        self.reason = reason
    }

    /// One line for the user.
    public var description: String {
        "invalid image name \"\(text)\": \(reason); expected docker://REFERENCE, oci:DIR[:TAG], oci-archive:FILE[:TAG], "
            + "docker-archive:FILE[:REFERENCE] or containerd:REFERENCE"
    }
}
