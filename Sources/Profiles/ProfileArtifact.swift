internal import Digests
public import OCI

/// A profile as an OCI artifact: a manifest that refers to the image's, with the profile as its only layer (OCI image specification 1.1,
/// "Guidelines for Artifact Usage").
public struct ProfileArtifact: Sendable {
    /// Type of the artifact, and of the blob that holds the profile.
    public static let type = "application/vnd.starling.profile.v1+json"
    /// Annotation of the manifest, which lists of referrers repeat: `digest:size` of the profile's blob, so that it is found without the manifest.
    static let blobAnnotation = "io.starling.profile.blob"

    /// The profile.
    let blob: (descriptor: Descriptor, bytes: [UInt8])
    /// The empty configuration.
    let config: (descriptor: Descriptor, bytes: [UInt8])
    /// The manifest, as a list of referrers has it.
    public let manifest: (descriptor: Descriptor, bytes: [UInt8])

    /// - Parameter subject: the image's manifest.
    public init(_ profile: StartProfile, subject: Descriptor) throws {
        let bytes = try profile.encoded()
        blob = (Descriptor(of: bytes, mediaType: ProfileArtifact.type), bytes)
        let empty = Array("{}".utf8)
        config = (Descriptor(of: empty, mediaType: MediaType.empty), empty)
        var document = Manifest(config: config.descriptor, layers: [blob.descriptor])
        document.artifactType = ProfileArtifact.type
        document.subject = Descriptor(mediaType: subject.mediaType, digest: subject.digest, size: subject.size)
        document.annotations = [ProfileArtifact.blobAnnotation: "\(blob.descriptor.digest):\(bytes.count)"]
        let encoded = try Documents.encode(document)
        var descriptor = Descriptor(of: encoded, mediaType: MediaType.manifest, annotations: document.annotations)
        descriptor.artifactType = ProfileArtifact.type
        manifest = (descriptor, encoded)
    }

    /// The profile's blob, as a list of referrers tells of it; nil where it does not.
    static func blob(of referrer: Descriptor) -> Descriptor? {
        guard let text = referrer.annotations?[blobAnnotation], let colon = text.lastIndex(of: ":"),
            let digest = try? Digest(parsing: String(text[..<colon])), let size = Int64(text[text.index(after: colon)...]), size > 0
        else { return nil }
        return Descriptor(mediaType: type, digest: digest, size: size)
    }
}
