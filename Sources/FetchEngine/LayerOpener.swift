public import ChunkStore
public import Digests
internal import EStargz
internal import HostSystem
internal import Metrics
public import OCI
public import Registry
public import StartTrace
internal import TreeImage

/// Opens a layer lazily: finds its TOC with as few requests as possible, verifies it, compiles it and puts it into the store.
///
/// A layer that is in the store needs no request at all. Otherwise one request usually does: a suffix of the blob that is likely to hold
/// footer and TOC; the blob's front may come in the same round trip. The layers that a client will open next are expected meanwhile.
/// Verified means: the digest of the TOC's JSON is the one that the manifest's annotation names (`TOCTrust` for exceptions).
public struct LayerOpener: Sendable {
    private let store: LayerStore
    private let client: RegistryClient
    private let anticipation: Anticipation
    private let prefixSize: UInt64
    private let fronts = FrontRoom(LayerOpener.largestPrefixes)
    private let trust: TOCTrust
    private let trace: TraceRecorder?

    /// What is fetched along with TOCs.
    public struct Options: Sendable {
        /// Bytes of a blob's front to fetch together with its TOC where nobody says how far its landmark is; 0 for never anything.
        public var prefixSize: UInt64 = 1 << 20
        /// How long the end of an expected layer is kept for being opened.
        public var keptFor = Duration.seconds(120)
        /// Which TOCs are believed.
        public var trust = TOCTrust.verified
        /// Who takes down what is done; nil for nobody.
        public var trace: TraceRecorder?

        /// The defaults.
        public init() {}
    }

    /// Bytes that may come before the wanted ones from a registry that knows no ranges: more would make every read a download.
    static let mostUnwanted: UInt64 = 8 << 20
    /// Bytes of a front that are asked for at once, however far a landmark is, and of those of all layers that are being opened. They wait in memory
    /// for the TOC to be compiled; one stream brings them in the order in which they are read.
    private static let largestPrefix: UInt64 = 24 << 20
    private static let largestPrefixes: UInt64 = 64 << 20

    /// An opener over a store and a registry client; one for all layers.
    public init(store: LayerStore, client: RegistryClient, options: Options = Options()) {
        self.store = store
        self.client = client
        prefixSize = options.prefixSize
        trust = options.trust
        trace = options.trace
        anticipation = Anticipation(client: client, keptFor: options.keptFor) { await LayerOpener.stage($0, $1, in: store) }
    }

    /// Begins to fetch what opening these layers will take, unless they are in the store. Nobody waits for it, and nothing comes of failures.
    ///
    /// - Parameter digests: layers of the image in the order in which they will be opened; of which nothing else needs to be known.
    public func expect(_ digests: [Digest], of reference: Reference) {
        // Of an image of a hundred layers each is named a hundred times. What the store cannot read is opened anew, and says then what is wrong.
        let new = anticipation.unknown(digests).filter { (try? store.layer($0, tocDigest: nil)) == nil }
        anticipation.expect(new, of: reference, count: digests.count)
    }

    /// Opens a layer of an image.
    ///
    /// - Parameters:
    ///   - descriptor: the layer, with the annotations of its manifest (or the same keys from snapshot labels).
    ///   - reference: the image, whose registry and repository serve the blob.
    /// - Throws: `LayerRefusal`.
    public func open(_ descriptor: Descriptor, of reference: Reference) async throws(LayerRefusal) -> LazyLayer {
        let (descriptor, expected) = try trust.expected(of: descriptor)
        let blob = client.blob(descriptor, of: reference, mostUnwanted: LayerOpener.mostUnwanted)
        let opening = trace?.begin(.layers, "open", layer: descriptor.digest.description)
        if let stored = try stored(descriptor.digest, expected) {
            opening?.end("in the store already")
            return LazyLayer(stored: stored, source: blob, prefix: nil, trace: trace)
        }
        defer { opening?.end() }
        let (turn, hasWaited) = await OpeningTurn.take(descriptor.digest, in: store)
        if hasWaited, let stored = try stored(descriptor.digest, expected) {
            return LazyLayer(stored: stored, source: blob, prefix: nil, trace: trace)
        }
        let layer = try await compile(descriptor, expected, reference, blob)
        layer.keep(turn)
        return layer
    }

    /// Compiling takes some hundred bytes a file for a moment, which matters of large layers. What small ones took serves the next.
    static func returnMemory(of layer: CompiledLayer) {
        if layer.inodeCount >= LayerOpener.manyFiles { ProcessMemory.returnUnused() }
    }

    private static let manyFiles = 4096

    private func compile(
        _ descriptor: Descriptor, _ expected: ExpectedTOC?, _ reference: Reference, _ blob: RemoteBlob
    ) async throws(LayerRefusal) -> LazyLayer {
        let prefix = prefix(descriptor, blob)
        var known: KnownEnd?
        switch await anticipation.take(descriptor.digest, of: reference) {
        case .staged(let staged)? where expected?.isOfJSON ?? true:
            let layer = LazyLayer(
                stored: try LayerOpener.open(staged, descriptor, expected, in: store), source: blob, prefix: prefix, trace: trace)
            layer.operations.tocDeserialize.count(nanoseconds: staged.compileNanoseconds)
            return layer
        case .end(let end)?: known = end
        case .staged?, nil: break
        }
        let source = RegistrySource(client: client, reference: reference)
        let start = MonotonicClock.nanoseconds()
        let fetching = trace?.begin(.layers, "fetch TOC", layer: descriptor.digest.description)
        let found = try await TOCFetch(source: source, blob: blob, descriptor: descriptor, known: known).find()
        fetching?.end("\(found.format), \(found.json.count) bytes of JSON")
        let compiling = trace?.begin(.layers, "verify and compile TOC", layer: descriptor.digest.description)
        let fetched = MonotonicClock.nanoseconds()
        let layer = try await compile(found, expected)
        let compiled = MonotonicClock.nanoseconds()
        compiling?.end("\(layer.compiled.inodeCount) inodes")
        let storing = trace?.begin(.layers, "store", layer: descriptor.digest.description)
        defer { storing?.end() }
        do {
            let facts = LayerFacts(
                tocDigest: expected?.digest ?? layer.digest, blobSize: found.blobSize, format: found.format, hasLandmark: layer.hasLandmark)
            let opened = LazyLayer(
                stored: try store.add(descriptor.digest, layer.compiled, facts: facts), source: blob, prefix: prefix, trace: trace)
            if let end = found.endNanoseconds { opened.operations.footerGet.count(nanoseconds: end) }
            if known == nil { opened.operations.tocGet.count(nanoseconds: fetched - start) }
            opened.operations.tocDeserialize.count(nanoseconds: compiled - fetched)
            LayerOpener.returnMemory(of: layer.compiled)
            return opened
        } catch {
            throw .store("\(error)")
        }
    }

    // Parsing keeps two threads busy, the beginning of compiling only one: so the digest is computed then. Nothing that was made of the TOC leaves
    // here unless that is right, and what is wrong with the TOC is told only of the right one.
    private func compile(_ found: TOCFetch.Found, _ expected: ExpectedTOC?) async throws(LayerRefusal) -> Compiled {
        let parsed = await found.parsed()
        async let hashed = found.digest()
        let compiled: Result<CompiledLayer, LayerRefusal>
        do throws(LayerRefusal) {
            compiled = .success(try await found.compiled(try parsed.get()))
        } catch {
            compiled = .failure(error)
        }
        let digest = await hashed
        try expected?.check(digest, of: found.compression)
        return Compiled(compiled: try compiled.get(), digest: digest, hasLandmark: try parsed.get().hasLandmark)
    }

    /// What a TOC became, and what is remembered of it.
    private struct Compiled {
        let compiled: CompiledLayer
        /// Digest of the TOC's JSON.
        let digest: Digest
        let hasLandmark: Bool
    }

    /// Whether the manifest says of a layer that nothing in it is wanted first; false where it says nothing of that.
    public static func saysNothingIsFirst(_ descriptor: Descriptor) -> Bool { OpeningHint(descriptor)?.prefetchEnd == 0 }

    /// Layers whose ends are kept or on their way.
    var expectedCount: Int { anticipation.count }

    // Where the manifest says how far the landmark is, exactly that; else a guess, which for a small blob would be most of it.
    private func prefix(_ descriptor: Descriptor, _ blob: RemoteBlob) -> PrefixFetch? {
        guard prefixSize > 0 else { return nil }
        if let hint = OpeningHint(descriptor) {
            return PrefixFetch(blob, size: min(hint.prefetchEnd, LayerOpener.largestPrefix), in: fronts)
        }
        guard descriptor.size == 0 || descriptor.size >= Int64(clamping: 8 * prefixSize) else { return nil }
        return PrefixFetch(blob, size: prefixSize, in: fronts)
    }

    private func stored(_ digest: Digest, _ expected: ExpectedTOC?) throws(LayerRefusal) -> StoredLayer? {
        do {
            return try store.layer(digest, tocDigest: expected?.digest)
        } catch {
            throw .store("\(error)")
        }
    }
}
