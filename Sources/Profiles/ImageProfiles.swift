public import Digests
public import OCI
public import Registry

/// The profiles that refer to an image in a registry.
public struct ImageProfiles: Sendable {
    private let client: RegistryClient
    private let reference: Reference

    /// Profiles that are read of one image, the last ones of the list: those of many nodes are merged.
    static let mostProfiles = 16

    /// - Parameter reference: the image; its repository holds the profiles.
    public init(client: RegistryClient, reference: Reference) { (self.client, self.reference) = (client, reference) }

    /// What all profiles of a manifest say together; nil when there is none.
    ///
    /// - Throws: `RegistryError`, `ProfileError`.
    public func pull(of manifest: Digest) async throws -> StartProfile? {
        let referrers = try await client.referrers(of: manifest, in: reference, artifactType: ProfileArtifact.type)
        let source = RegistrySource(client: client, reference: reference)
        let profiles = try await withThrowingTaskGroup(of: (Int, StartProfile).self) { group in
            for (place, referrer) in referrers.suffix(ImageProfiles.mostProfiles).enumerated() {
                group.addTask { (place, try await ImageProfiles.read(referrer, source)) }
            }
            return try await group.reduce(into: [Int: StartProfile]()) { $0[$1.0] = $1.1 }
        }
        guard !profiles.isEmpty else { return nil }
        return try StartProfile.merged(profiles.sorted { $0.key < $1.key }.map { ("\(reference)", $0.value) })
    }

    private static func read(_ referrer: Descriptor, _ source: RegistrySource) async throws -> StartProfile {
        var blob = ProfileArtifact.blob(of: referrer)
        if blob == nil {
            let bytes = try await source.document(referrer)
            let manifest = try Documents.decode(Manifest.self, from: bytes, what: "profile \(referrer.digest) of \(source.name)")
            blob = manifest.layers.first { $0.mediaType == ProfileArtifact.type }
        }
        guard let blob else { throw ProfileError.notAProfile(name: "\(referrer.digest)", reason: "the artifact holds no profile") }
        return try StartProfile(parsing: try await source.smallBlob(blob), name: "\(source.name), profile \(blob.digest)")
    }

    /// Adds a profile to those of an image.
    ///
    /// - Parameters:
    ///   - subject: the image's manifest.
    ///   - replaces: whether it takes the place of those that are there.
    /// - Returns: digest of the artifact.
    /// - Throws: `RegistryError`.
    public func push(_ profile: StartProfile, to subject: Descriptor, replaces: Bool = false) async throws -> Digest {
        let artifact = try ProfileArtifact(profile, subject: subject)
        let destination = RegistryDestination(client: client, reference: reference)
        for part in [artifact.blob, artifact.config] { try await destination.putBlob(part.descriptor, bytes: part.bytes) }
        let old = replaces ? try await client.referrers(of: subject.digest, in: reference, artifactType: ProfileArtifact.type) : []
        try await destination.putReferrer(
            artifact.manifest.descriptor, bytes: artifact.manifest.bytes, of: subject.digest,
            replacing: old.map(\.digest).filter { $0 != artifact.manifest.descriptor.digest })
        return artifact.manifest.descriptor.digest
    }
}
