internal import Digests
internal import LazyFS
internal import OCI
internal import Registry
internal import Synchronization

/// What images start by themselves, as their configurations say; asked of the registry once for each, in two small requests. A guess: whoever
/// asks goes on without it.
final class ImageStarts: Sendable {
    /// An image's layers, lowest first, and its program.
    typealias Start = (layers: [Digest], start: ProgramStart)

    private let client: RegistryClient
    private let known = Mutex<[(image: Reference, task: Task<Start?, Never>)]>([])

    /// Images that are remembered; the oldest goes. For as long as a pull takes, a few are enough.
    private static let mostKnown = 16

    init(client: RegistryClient) { self.client = client }

    /// What an image of this machine's platform starts; nil when that cannot be found out, or is nothing.
    func start(of image: Reference) async -> Start? { await task(image).value }

    /// Asks for what an image starts, which somebody will want to know.
    func ask(_ image: Reference) { _ = task(image) }

    private func task(_ image: Reference) -> Task<Start?, Never> {
        known.withLock { known in
            if let task = known.first(where: { $0.image == image })?.task { return task }
            let task = Task { [client] in try? await ImageStarts.read(image, client) }
            known.append((image, task))
            if known.count > ImageStarts.mostKnown { known.removeFirst() }
            return task
        }
    }

    private static func read(_ image: Reference, _ client: RegistryClient) async throws -> Start? {
        let source = RegistrySource(client: client, reference: image)
        let manifest = try await PlatformImage(source: source, platform: .current).manifest
        let bytes = try await source.smallBlob(manifest.config)
        let config = try Documents.decode(ImageConfig.self, from: bytes, what: "configuration of \(image)")
        return ProgramStart(config.config).map { (manifest.layers.map(\.digest), $0) }
    }
}
