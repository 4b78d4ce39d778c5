internal import Digests
internal import LazyFS
internal import Logging
internal import OCI
internal import Profiles
internal import Registry
internal import Synchronization

/// What images start by themselves, as their configurations say, and what their starts read, as their profiles do; asked of the registry once for each, in a
/// few small requests. Guesses: whoever asks goes on without them.
final class ImageStarts: Sendable {
    /// An image's layers, lowest first, and its program.
    typealias Start = (layers: [Digest], start: ProgramStart)

    private let client: RegistryClient
    private let usesProfiles: Bool
    private let log: Logger
    private let known = Mutex<[(image: Reference, asked: Asked)]>([])

    private struct Asked: Sendable {
        let start: Task<Start?, Never>
        let profile: Task<StartProfile?, Never>
    }

    /// Images that are remembered; the oldest goes. For as long as a pull takes, a few are enough.
    private static let mostKnown = 16

    init(client: RegistryClient, usesProfiles: Bool, log: Logger) {
        (self.client, self.usesProfiles, self.log) = (client, usesProfiles, log)
    }

    /// What an image of this machine's platform starts; nil when that cannot be found out, or is nothing.
    func start(of image: Reference) async -> Start? { await asked(image).start.value }

    /// The profile of an image; nil when it has none, or it cannot be had.
    func profile(of image: Reference) async -> StartProfile? { await asked(image).profile.value }

    /// Asks for what an image starts, which somebody will want to know.
    func ask(_ image: Reference) { _ = asked(image) }

    private func asked(_ image: Reference) -> Asked {
        known.withLock { known in
            if let asked = known.first(where: { $0.image == image })?.asked { return asked }
            let source = RegistrySource(client: client, reference: image)
            let documents = Task { try await PlatformImage(source: source, platform: .current) }
            let asked = Asked(
                start: Task { try? await ImageStarts.start(try await documents.value.manifest, source) },
                profile: Task { [self] in usesProfiles ? await profile(of: image, documents) : nil })
            known.append((image, asked))
            if known.count > ImageStarts.mostKnown { known.removeFirst() }
            return asked
        }
    }

    private static func start(_ manifest: Manifest, _ source: RegistrySource) async throws -> Start? {
        let bytes = try await source.smallBlob(manifest.config)
        let config = try Documents.decode(ImageConfig.self, from: bytes, what: "configuration of \(source.name)")
        return ProgramStart(config.config).map { (manifest.layers.map(\.digest), $0) }
    }

    private func profile(of image: Reference, _ documents: Task<PlatformImage, any Error>) async -> StartProfile? {
        do {
            let manifest = try await documents.value.descriptor.digest
            guard let profile = try await ImageProfiles(client: client, reference: image).pull(of: manifest) else { return nil }
            log.info(
                "prefetching by the image's profile",
                metadata: ["image": "\(image)", "files": "\(profile.expected.count)", "recordings": "\(profile.recordings)"])
            return profile
        } catch {
            log.info("no profile", metadata: ["image": "\(image)", "reason": "\(error)"])
            return nil
        }
    }
}
