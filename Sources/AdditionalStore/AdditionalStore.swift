internal import Digests
internal import Glibc
public import LazyFS
public import Logging
internal import OCI
public import Registry
internal import Synchronization

/// What podman and CRI-O ask for layers before they pull them (containers/storage, "additional layer store").
///
///     MOUNTPOINT/<base64 of the image's name>/<digest>/info    what containers/storage wants to know of a layer, as JSON
///                                                      blob    its blob, from the registry
///                                                      diff    symbolic link to its directory: a lower directory of overlayfs
///                                                      use     what making this tells: one more uses the layer; removing <digest>: one less
///
/// `<digest>` is the layer's; newer versions of containers/storage name it by its TOC's. A layer that cannot be lazy is not there, and whoever asked
/// pulls it as ever. The names are served by the FUSE mount that has the layers, too (`MountFront`). What is used is written down
/// (`UsedLayers`), so that a layer is found again after a restart, whatever its image's tag means by then.
public final class AdditionalStore: MountFront {
    private let names = StoreNames()
    private let used: UsedLayers
    private let images: StoreImages
    private let blobs: BlobWindows
    private let client: RegistryClient
    private let work = RequestWork<StoreLayers>()
    private let mountpoint: String
    private let patience: Duration
    private let log: Logger

    /// The name that is made to tell of a use.
    private static let use = "use"

    /// - Parameters:
    ///   - directory: for what is written down; made when missing.
    ///   - mountpoint: where the mount is of which this is the front.
    ///   - patience: how long somebody who asks for a layer waits for it to be opened.
    /// - Throws: `HostError`.
    public init(directory: String, mountpoint: String, patience: Duration, client: RegistryClient, log: Logger) throws {
        used = try UsedLayers(directory: directory + "/used", log: log)
        images = StoreImages(client: client)
        blobs = BlobWindows(client: client)
        self.client = client
        self.mountpoint = mountpoint
        self.patience = patience
        self.log = log
    }

    /// Begins to answer: until now requests have waited. Layers that an earlier process has served on this mount go on being served when they are
    /// used; others end.
    public func serve(on node: LazyNode) async {
        let layers = StoreLayers(node: node, used: used)
        work.begin(with: layers)
        guard node.isTakenOver else { return }
        for record in used.records {
            do {
                _ = try await layers.open(record.layer, of: record.key.image, siblings: [])
            } catch {
                log.warning("a layer in use cannot be served", metadata: ["layer": "\(record.key)", "reason": "\(error)"])
            }
        }
        await layers.closeUnclaimed()
    }

    // MARK: MountFront

    /// An image, a layer of one, or a file of a layer. Whoever asks for a layer waits until it is open.
    public func find(_ name: String, in directory: UInt64?, _ answer: @escaping @Sendable (FrontNode?) -> Void) {
        guard let directory else { return answer(names.addImage(name)) }
        if let image = names.image(directory) { return findLayer(name, image, answer) }
        guard let (key, layer) = names.layer(directory), let entry = StoreNumber.Entry(rawValue: name) else { return answer(nil) }
        switch entry {
        case .info, .blob: answer(names.node(StoreNumber(key, entry)))
        case .diff: findDirectory(key, layer, answer)
        }
    }

    private func findLayer(_ name: String, _ image: Reference, _ answer: @escaping @Sendable (FrontNode?) -> Void) {
        guard let digest = try? Digest(parsing: name) else { return answer(nil) }
        let key = LayerKey(image: image, digest: digest)
        // Whoever ends its use does not want it opened.
        if let layer = names.layer(key) ?? used.layer(key) { return answer(names.add(layer, as: key)) }
        open(key, answer) { [self] layers in
            let found = try await images.layer(digest, of: image)
            let opened = try await layers.open(found.layer, of: image, siblings: found.siblings)
            return names.add(found.layer.measured(by: opened), as: key)
        }
    }

    private func findDirectory(_ key: LayerKey, _ layer: ImageLayer, _ answer: @escaping @Sendable (FrontNode?) -> Void) {
        open(key, answer) { [self] layers in
            let opened = try await layers.open(layer, of: key.image, siblings: [])
            return names.addLink(to: relative(try await layers.directory(of: opened)), of: key)
        }
    }

    /// Comes to a node of a layer that may have to be opened; none when that fails or takes too long, which is logged.
    private func open(
        _ key: LayerKey, _ answer: @escaping @Sendable (FrontNode?) -> Void,
        _ body: @escaping @Sendable (StoreLayers) async throws -> FrontNode
    ) {
        let first = FirstAnswer(answer)
        let refuse: @Sendable (String) -> Void = { [log] reason in
            log.warning("a layer is not served", metadata: ["layer": "\(key)", "reason": "\(reason)"])
        }
        work.run { [patience] layers in
            await first.give(within: patience) {
                refuse("it was not open within \(patience)")
            } _: {
                do {
                    return try await body(layers)
                } catch {
                    refuse("\(error)")
                    return nil
                }
            }
        } orElse: {
            first.give(nil)
        }
    }

    /// Directories on the mount are named from where the link is, for the mount may be shown elsewhere, too.
    private func relative(_ directory: String) -> String {
        directory.hasPrefix(mountpoint + "/") ? "../.." + directory.dropFirst(mountpoint.count) : directory
    }

    /// What was asked for lately.
    public func node(_ number: UInt64) -> FrontNode? { names.node(StoreNumber(raw: number)) }

    /// `info` from memory, `blob` from the registry.
    public func read(_ number: UInt64, offset: UInt64, size: Int, _ answer: @escaping @Sendable ([UInt8]?) -> Void) {
        let number = StoreNumber(raw: number)
        guard let (key, layer) = names.layer(number.raw) else { return answer(nil) }
        if number.entry == .info {
            let text = layer.info
            return answer(Array(text.dropFirst(Int(min(offset, UInt64(text.count)))).prefix(size)))
        }
        work.run { [self] _ in
            do {
                answer(try await blobs.read(layer.descriptor, of: key.image, offset: offset, size: size))
            } catch {
                log.error("a blob cannot be read", metadata: ["layer": "\(key)", "reason": "\(error)"])
                answer(nil)
            }
        } orElse: {
            answer(nil)
        }
    }

    /// One more use of a layer.
    public func create(_ name: String, in directory: UInt64, _ answer: @escaping @Sendable () -> Void) {
        guard name == AdditionalStore.use, let (key, layer) = names.layer(directory) else { return answer() }
        work.run { [self] _ in
            await note("use", of: key) { try $0.add(layer, as: key) }
            answer()
        } orElse: {
            answer()
        }
    }

    /// One use of a layer less; it is closed after the last one.
    public func remove(_ name: String, from directory: UInt64, _ answer: @escaping @Sendable () -> Void) {
        guard let image = names.image(directory), let digest = try? Digest(parsing: name) else { return answer() }
        let key = LayerKey(image: image, digest: digest)
        work.run { [self] layers in
            let blob = (used.layer(key) ?? names.layer(key))?.descriptor.digest
            await note("end of use", of: key) { try $0.remove(key) }
            answer()
            if let blob, !used.isUsed(blob) { await layers.close(blob) }
        } orElse: {
            answer()
        }
    }

    /// Changes what is written down, which waits for the disk.
    private func note(_ what: String, of key: LayerKey, _ change: @escaping @Sendable (UsedLayers) throws -> Void) async {
        do {
            try await used.change(change)
        } catch {
            log.error("the \(what) of a layer is not written down", metadata: ["layer": "\(key)", "reason": "\(error)"])
        }
    }

    /// The client is shut down as well: nobody is to wait for a registry.
    public func end() {
        work.end()
        client.shutdown()
    }
}
