internal import Digests

/// Which lazy layers are mounted, and how many snapshots use each.
///
/// One layer may be part of many chains, in many images: it is mounted once, by the first that needs it, and unmounted when the last
/// snapshot is removed. Calls to `LazyLayers` for one digest never overlap; those for different digests never wait for each other.
actor LayerTable {
    private enum State {
        case unmounted
        case mounting(LazyLayerRequest, Task<Void, any Error>)
        case mounted
        case unmounting(Task<Void, Never>)
    }

    private struct Entry {
        var userCount = 0
        var state = State.unmounted
    }

    private var entries: [Digest: Entry] = [:]
    private let layers: any LazyLayers

    /// - Parameter userCounts: snapshots that exist already; their layers are mounted when needed.
    init(layers: any LazyLayers, userCounts: [Digest: Int]) {
        self.layers = layers
        entries = userCounts.mapValues { Entry(userCount: $0) }
    }

    /// Counts a snapshot to be, and mounts; a failure takes the count back.
    func acquire(_ request: LazyLayerRequest) async throws {
        entries[request.digest, default: Entry()].userCount += 1
        do {
            try await mount(request)
        } catch {
            release(request.digest)
            throw error
        }
    }

    /// A snapshot is gone; the last one takes the mount with it, soon.
    func release(_ digest: Digest) {
        guard var entry = entries[digest] else { return }
        entry.userCount -= 1
        entries[digest] = entry
        unmountIfUnused(digest)
    }

    /// Mounts those layers of a chain that are not, all at once.
    ///
    /// - Throws: `LayerFailure`, with the reason that `LazyLayers` gave.
    func mountAll(_ requests: [LazyLayerRequest]) async throws {
        for request in requests { startMounting(request) }
        for request in requests {
            do {
                try await mount(request)
            } catch {
                throw LayerFailure(digest: request.digest, reason: "\(error)")
            }
        }
    }

    /// Unmounts everything and forgets the counts; for the daemon's end.
    func unmountAll() async {
        for digest in Array(entries.keys) {
            if case .mounting(_, let task)? = entries[digest]?.state { _ = await task.result }
            entries[digest]?.userCount = 0
            unmountIfUnused(digest)
            if case .unmounting(let task)? = entries[digest]?.state { await task.value }
        }
    }

    /// Mounts, or waits for whoever does so.
    private func mount(_ request: LazyLayerRequest) async throws {
        while true {
            startMounting(request)
            switch entries[request.digest]?.state ?? .unmounted {
            case .mounted: return
            case .unmounting(let task): await task.value
            case .unmounted: continue
            case .mounting(let first, let task):
                do {
                    return try await task.value
                } catch {
                    // Another image's registry failed: ours may have the layer.
                    if first.reference == request.reference { throw error }
                }
            }
        }
    }

    private func startMounting(_ request: LazyLayerRequest) {
        let digest = request.digest
        guard case .unmounted = entries[digest, default: Entry()].state else { return }
        let task = Task {
            do {
                try await layers.mount(request)
                entries[digest]?.state = .mounted
                unmountIfUnused(digest)
            } catch {
                entries[digest]?.state = .unmounted
                unmountIfUnused(digest)
                throw error
            }
        }
        entries[digest, default: Entry()].state = .mounting(request, task)
    }

    private func unmountIfUnused(_ digest: Digest) {
        guard let entry = entries[digest], entry.userCount <= 0 else { return }
        switch entry.state {
        case .unmounted: entries[digest] = nil
        case .mounting, .unmounting: return  // decided when that ends
        case .mounted:
            let task = Task {
                await layers.unmount(digest)
                entries[digest]?.state = .unmounted
                unmountIfUnused(digest)
            }
            entries[digest]?.state = .unmounting(task)
        }
    }
}

/// A layer of a chain cannot be mounted.
struct LayerFailure: Error {
    let digest: Digest
    let reason: String
}
