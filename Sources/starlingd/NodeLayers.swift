internal import ChunkStore
internal import Digests
internal import FetchEngine
internal import LazyFS
internal import Logging
internal import OCI
internal import Snapshots
internal import Synchronization
internal import Threads
internal import TreeImage

/// The snapshotter's lazy layers, served by this node's one FUSE mount.
final class NodeLayers: LazyLayers {
    private let node: LazyNode
    private let opened = Mutex<[Digest: LazyNode.Opened]>([:])

    init(node: LazyNode) { self.node = node }

    func mount(_ request: LazyLayerRequest) async throws -> LazyLayerMount {
        // Snapshot labels do not say the media type, and the size only of some clients: the blob's end tells both.
        let descriptor = Descriptor(
            mediaType: MediaType.layerGzip, digest: request.digest, size: request.size ?? 0, annotations: request.annotations)
        let layer = try await node.open(descriptor, of: request.reference)
        opened.withLock { $0[request.digest] = layer }
        return LazyLayerMount(directory: layer.mounted.directory, size: Int64(clamping: layer.layer.stored.facts.blobSize))
    }

    func unmount(_ digest: Digest) async {
        guard let layer = opened.withLock({ $0.removeValue(forKey: digest) }) else { return }
        do {
            // Waits for reads that are under way, which belongs on a thread that may wait.
            try await BlockingTask.run { [node] in node.close(layer) }
        } catch {
            // No thread is left to wait on: the layer stays on the mount, unused, until the daemon ends.
            opened.withLock { $0[digest] = layer }
        }
    }

    func usage(_ digest: Digest) async -> (bytes: Int64, inodes: Int64) {
        guard let stored = opened.withLock({ $0[digest]?.layer.stored }) else { return (0, 0) }
        return (Int64(clamping: stored.bytesPresent), Int64(clamping: stored.tree.inodeCount))
    }
}
