internal import Digests
internal import LazyFS
internal import OCI
internal import Threads

/// The layers that are open, each once however many images have it. Those that nobody has said to use are closed again when there are many.
actor StoreLayers {
    private let node: LazyNode
    private let used: UsedLayers
    private var open: [Digest: Task<LazyNode.Opened, any Error>] = [:]
    private var closing: [Digest: Task<Void, Never>] = [:]
    /// What was opened, in that order.
    private var order: [Digest] = []

    /// Open layers without a use: podman says at once that it uses what it has found, so these are somebody's who only looks.
    private static let mostUnused = 64

    init(node: LazyNode, used: UsedLayers) {
        self.node = node
        self.used = used
    }

    /// Opens a layer, unless it is open.
    ///
    /// - Throws: `LayerRefusal`, why it cannot be lazy.
    func open(_ layer: ImageLayer, of image: Reference, siblings: [Digest]) async throws -> LazyNode.Opened {
        let digest = layer.descriptor.digest
        while let end = closing[digest] { await end.value }
        if let opened = open[digest] { return try await opened.value }
        let opening = Task { [node] in try await node.open(layer.descriptor, of: image, siblings: siblings) }
        open[digest] = opening
        do {
            let opened = try await opening.value
            order.append(digest)
            closeUnused(but: digest)
            return opened
        } catch {
            open[digest] = nil
            throw error
        }
    }

    /// The directory that shows an open layer, alone and with its whiteouts, in the best way that is possible now.
    func directory(of opened: LazyNode.Opened) async throws -> String {
        let directories = try await BlockingTask.run { [node] in try node.lowerDirectories(of: [opened], keepsWhiteouts: true) }
        // The next one would be the state directory, for which there is no place.
        guard let first = directories.first else { preconditionFailure("a chain of one layer is shown by no directory") }
        return first
    }

    /// Closes a layer, if it is open.
    func close(_ digest: Digest) async {
        guard let opening = open.removeValue(forKey: digest) else { return }
        order.removeAll { $0 == digest }
        let end = Task { [node] in
            guard let opened = try? await opening.value else { return }
            // Waits for reads that are under way. Without a thread to wait on it stays open, unused, until the store ends.
            try? await BlockingTask.run { node.close(opened) }
        }
        closing[digest] = end
        await end.value
        closing[digest] = nil
    }

    private func closeUnused(but newest: Digest) {
        let unused = order.filter { $0 != newest && !used.isUsed($0) }
        for digest in unused.prefix(max(0, unused.count - StoreLayers.mostUnused)) { Task { await close(digest) } }
    }

    /// Closes what an earlier process had open and nobody has opened since.
    func closeUnclaimed() async { try? await BlockingTask.run { [node] in node.closeUnclaimed() } }
}
