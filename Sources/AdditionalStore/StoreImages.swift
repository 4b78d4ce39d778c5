internal import Digests
internal import OCI
internal import Registry

/// The layers of images, as registries describe them. What was asked for lately is kept; a digest that an image does not have is worth asking again, for
/// its tag may have moved.
actor StoreImages {
    private let client: RegistryClient
    private var known: [Reference: Known] = [:]
    private var order: [Reference] = []
    private var asking: [Reference: Task<Known, any Error>] = [:]

    private struct Known: Sendable {
        /// The layers of each manifest that was read.
        let manifests: [[ImageLayer]]
        let time: ContinuousClock.Instant
    }

    /// A layer, and those that will be asked for next.
    struct Found: Sendable {
        let layer: ImageLayer
        let siblings: [Digest]
    }

    private static let capacity = 64
    /// For so long an answer is believed that a layer is not there: an image that is pulled asks for each of its layers.
    private static let freshFor = Duration.seconds(2)
    /// Manifests of an index that are looked through for a layer.
    private static let mostManifests = 32

    init(client: RegistryClient) { self.client = client }

    /// The layer of an image that a digest means.
    func layer(_ digest: Digest, of image: Reference) async throws -> Found {
        if let found = find(digest, in: known[image]) { return found }
        if let known = known[image], ContinuousClock.now - known.time < StoreImages.freshFor {
            throw NotInImage(digest: digest, image: image)
        }
        let asked = asking[image]
        let task = asked ?? Task { try await load(image, for: digest) }
        if asked == nil { asking[image] = task }
        defer { if asked == nil { asking[image] = nil } }
        let answer = try await task.value
        if asked == nil { keep(answer, of: image) }
        guard let found = find(digest, in: answer) else { throw NotInImage(digest: digest, image: image) }
        return found
    }

    private struct NotInImage: Error, CustomStringConvertible {
        let digest: Digest
        let image: Reference
        var description: String { "no layer of \(image) has the digest \(digest)" }
    }

    private func find(_ digest: Digest, in known: Known?) -> Found? {
        for layers in known?.manifests ?? [] {
            guard let index = layers.firstIndex(where: { $0.isNamed(digest) }) else { continue }
            let next = layers[(index + 1)...].filter { $0.tocDigest != nil }
            return Found(layer: layers[index], siblings: next.map(\.descriptor.digest))
        }
        return nil
    }

    private func keep(_ answer: Known, of image: Reference) {
        if known.updateValue(answer, forKey: image) == nil { order.append(image) }
        if order.count > StoreImages.capacity { known[order.removeFirst()] = nil }
    }

    /// Reads the manifest of this machine's platform, and those of others as long as the layer is in none.
    private nonisolated func load(_ image: Reference, for digest: Digest) async throws -> Known {
        let source = RegistrySource(client: client, reference: image)
        let (target, bytes) = try await source.root()
        var manifests: [[ImageLayer]] = []
        if MediaType.isIndex(target.mediaType) {
            let index = try Documents.decode(Index.self, from: bytes, what: "index of \(image)")
            let first = index.manifest(for: .current)
            let others = index.manifests.filter { $0.digest != first?.digest && MediaType.isManifest($0.mediaType) }
            for descriptor in ([first].compactMap { $0 } + others).prefix(StoreImages.mostManifests) {
                manifests.append(try await layers(try await source.document(descriptor), source))
                if manifests.last?.contains(where: { $0.isNamed(digest) }) == true { break }
            }
        } else {
            manifests.append(try await layers(bytes, source))
        }
        return Known(manifests: manifests, time: .now)
    }

    private nonisolated func layers(_ bytes: [UInt8], _ source: RegistrySource) async throws -> [ImageLayer] {
        let manifest = try Documents.decode(Manifest.self, from: bytes, what: "manifest of \(source.name)")
        // An attestation or an artifact has no file systems.
        guard MediaType.isConfig(manifest.config.mediaType) else { return [] }
        let config = try Documents.decode(
            ImageConfig.self, from: try await source.smallBlob(manifest.config), what: "configuration of \(source.name)")
        return zip(manifest.layers, config.rootfs?.diffIDs ?? []).map { ImageLayer(descriptor: $0, diffID: $1) }
    }
}
