internal import ChunkStore
internal import Daemons
internal import Digests
internal import FetchEngine
internal import LazyFS
internal import Logging
internal import Metrics
internal import OCI
internal import Profiles
internal import Snapshots
internal import Synchronization
internal import Threads
internal import TreeImage

/// The snapshotter's lazy layers, served by this node's mounts.
final class NodeLayers: LazyLayers {
    private let node: LazyNode
    private let starts: ImageStarts?
    private let admission: LayerAdmission
    private let log: Logger
    private let state = Mutex(State())
    /// How long calls waited for the directories that show their layers.
    let directoryWaits = LatencyCounts(.milliseconds)

    private struct State {
        var opened: [Digest: (layer: LazyNode.Opened, image: Reference)] = [:]
        /// Neither open any more nor counted among the closed.
        var closing: [Digest: LazyLayer] = [:]
        var closed = LayerTotals()
        var refused = RefusedLayers()
        /// Whether layers are opened for clients now, and not for the snapshots of an earlier daemon.
        var isRestored = false
    }

    /// Layers in which the program of their image was not looked for yet, and layers of which the image's profile was not asked.
    private let arriving = (starts: ArrivingLayers(), profiles: ArrivingLayers())

    /// - Parameters:
    ///   - starts: tells what images start; nil when nothing is to be fetched before it is asked for.
    ///   - admission: which layers are to be lazy.
    init(node: LazyNode, starts: ImageStarts?, admission: LayerAdmission, log: Logger) {
        (self.node, self.starts, self.admission, self.log) = (node, starts, admission, log)
    }

    func admit(_ request: LazyLayerRequest) async throws {
        let opened = state.withLock { $0.opened[request.digest]?.layer.layer.stored.facts.blobSize }
        do throws(LayerAdmission.Refusal) {
            try admission.check(size: opened ?? request.size.map { UInt64(clamping: $0) })
        } catch {
            remember(error.code, "\(error)", of: request)
            throw error
        }
    }

    func noteUnnamed(_ target: String, reason: String) async {
        state.withLock { $0.refused.add(digest: target, image: "", code: "no-labels", reason: reason) }
    }

    func open(_ request: LazyLayerRequest) async throws -> Mounting {
        // Snapshot labels do not say the media type, and the size only of some clients: the blob's end tells both.
        let descriptor = Descriptor(
            mediaType: MediaType.layerGzip, digest: request.digest, size: request.size ?? 0, annotations: request.annotations)
        // In the same round trip as the layer's end.
        if let starts, LayerOpener.saysNothingIsFirst(descriptor), state.withLock(\.isRestored) { starts.ask(request.reference) }
        let start = MonotonicClock.nanoseconds()
        do throws(LayerRefusal) {
            let found = try await node.find(descriptor, of: request.reference, siblings: request.siblings)
            return { [self] in try mount(found, descriptor, for: request, since: start) }
        } catch {
            remember(error.code, "\(error)", of: request)
            throw error
        }
    }

    private func mount(
        _ found: LazyLayer, _ descriptor: Descriptor, for request: LazyLayerRequest, since start: UInt64
    ) throws(LayerRefusal) {
        do throws(LayerRefusal) {
            let layer = try node.mount(found, descriptor, of: request.reference)
            state.withLock { $0.opened[request.digest] = (layer, request.reference) }
            layer.layer.operations.mount.count(since: start)
            expectStart(of: request.reference, after: layer)
        } catch {
            remember(error.code, "\(error)", of: request)
            throw error
        }
    }

    /// With the layers of an image, what it starts is asked for, before anybody says so: most containers run what their image is for. A layer with
    /// a landmark knows better, and the image's profile best.
    private func expectStart(of image: Reference, after layer: LazyNode.Opened) {
        guard let starts, !layer.layer.isComplete, state.withLock(\.isRestored) else { return }
        if layer.layer.stored.chunks.prefetchEnd == 0 {
            arriving.starts.add(layer, of: image) { [self] image, layers in
                if let (digests, start) = await starts.start(of: image) { await expect(start, of: image, digests, with: layers) }
            }
        }
        arriving.profiles.add(layer, of: image) { [node] image, layers in
            guard let profile = await starts.profile(of: image) else { return }
            node.expect(profile.expected, profile.layers, of: layers)
        }
    }

    private func expect(_ start: ProgramStart, of image: Reference, _ digests: [Digest], with layers: [LazyNode.Opened]) async {
        let opened = state.withLock { state in digests.compactMap { state.opened[$0]?.layer } }
        // Its program may be whole in one of those that are here. Each is looked at once: of a hundred layers all would be, a hundred times.
        guard opened.count == digests.count else { return layers.forEach { node.expect(start, of: $0) } }
        do {
            try await BlockingTask.run { [node] in try node.expect(start, of: opened) }
        } catch {
            log.debug("nothing is fetched ahead of a start", metadata: ["image": "\(image)", "reason": "\(error)"])
        }
    }

    /// Ends what runs for no call.
    func end() async {
        await arriving.starts.end()
        await arriving.profiles.end()
    }

    private func remember(_ code: String, _ reason: String, of request: LazyLayerRequest) {
        state.withLock {
            $0.refused.add(digest: "\(request.digest)", image: "\(request.reference)", code: code, reason: reason)
        }
    }

    func lowerDirectories(of layers: [Digest], keepsWhiteouts: Bool) async throws -> [String] {
        let start = MonotonicClock.nanoseconds()
        defer { directoryWaits.count(since: start) }
        let opened = try state.withLock { state in
            try layers.map { digest in
                guard let layer = state.opened[digest]?.layer else { throw NotMounted(layer: digest) }
                return layer
            }
        }
        return try await BlockingTask.run { [node] in try node.lowerDirectories(of: opened, keepsWhiteouts: keepsWhiteouts) }
    }

    private struct NotMounted: Error, CustomStringConvertible {
        let layer: Digest
        var description: String { "layer \(layer) is not mounted" }
    }

    /// Gives up what the last daemon served and no snapshot wants any more.
    func unmountUnclaimed() async throws {
        state.withLock { $0.isRestored = true }
        try await BlockingTask.run { [node] in node.closeUnclaimed() }
    }

    func unmount(_ digest: Digest) async {
        let opened = state.withLock { state in
            let opened = state.opened.removeValue(forKey: digest)
            state.closing[digest] = opened?.layer.layer
            return opened
        }
        guard let opened else { return }
        do {
            // Waits for reads that are under way, which belongs on a thread that may wait.
            try await BlockingTask.run { [node] in node.close(opened.layer) }
            state.withLock { state in
                state.closing[digest] = nil
                state.closed.add(opened.layer.layer)
            }
        } catch {
            // No thread is left to wait on: the layer stays on the mount, unused, until the daemon ends.
            state.withLock { state in
                state.closing[digest] = nil
                state.opened[digest] = opened
            }
        }
    }

    /// What metrics are made of: mounted layers; sums over all layers that there were, which never shrink; and how many were not lazy, by reason.
    var counted: (opened: [LazyNode.Opened], totals: LayerTotals, refusals: [String: UInt64]) {
        state.withLock { state in
            var totals = state.closed
            for layer in state.opened.values.map(\.layer.layer) + Array(state.closing.values) { totals.add(layer) }
            return (state.opened.values.map(\.layer), totals, state.refused.counts)
        }
    }

    func usage(_ digest: Digest) async -> (bytes: Int64, inodes: Int64) {
        let usage = node.store.usage(of: digest)
        return (Int64(clamping: usage.bytes), Int64(usage.files))
    }

    /// What `starling status` shows.
    func report(root: String) -> StatusReport {
        let (opened, refused) = state.withLock { (Array($0.opened.values), $0.refused) }
        return StatusReport(
            version: Version.current, root: root, mode: node.serving.description,
            layers: opened.map { NodeLayers.status($0.layer.layer, image: $0.image) }.sorted { $0.digest < $1.digest },
            refused: refused.latest,
            refusals: refused.counts)
    }

    private static func status(_ layer: LazyLayer, image: Reference) -> LayerStatus {
        let counts = layer.statistics.snapshot
        let (stored, prefetched) = (layer.stored, layer.use.prefetched)
        return LayerStatus(
            digest: layer.digest.description, image: image.description, format: stored.facts.format, blobSize: stored.facts.blobSize,
            contentSize: stored.chunks.contentBytes, presentSize: stored.bytesPresent, fetchedBytes: counts.fetchedBytes,
            requests: counts.requests, demandMisses: counts.demandMisses,
            demandWaitMilliseconds: counts.demandWaitNanoseconds / 1_000_000,
            demandWaitMedianMilliseconds: counts.demandWaits.milliseconds(ofPercent: 50),
            demandWait95Milliseconds: counts.demandWaits.milliseconds(ofPercent: 95),
            prefetch: PrefetchStatus(hitSize: prefetched.hitBytes, wasteSize: prefetched.wasteBytes), failures: counts.failures)
    }
}
