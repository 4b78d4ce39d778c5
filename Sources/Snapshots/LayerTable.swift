internal import Digests
internal import OCI

/// Which lazy layers are mounted, and how many snapshots use each.
///
/// One layer may be part of many chains, in many images: it is mounted once, by the first that needs it, and unmounted when the last
/// snapshot is removed. Calls for different digests never wait for each other, nor do those for one digest that name different registries.
///
///     unmounted ─▶ opening (one attempt a registry) ─first that has it─▶ mounting ─▶ mounted ─▶ unmounting ─▶ unmounted
actor LayerTable {
    private enum State {
        case unmounted
        case opening([String: Attempt])
        case mounting(Task<Void, any Error>)
        case mounted
        case unmounting(Task<Void, Never>)
    }

    /// A registry is asked for a layer.
    private struct Attempt {
        let number: Int
        let request: LazyLayerRequest
        let task: Task<Void, any Error>
    }

    private struct Entry {
        var userCount = 0
        var state = State.unmounted
    }

    private var entries: [Digest: Entry] = [:]
    private var lastAttempt = 0
    private var isOver = false
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
        if !isOver { for request in requests { startOpening(request) } }
        for request in requests {
            do {
                try await mount(request)
            } catch {
                throw LayerFailure(digest: request.digest, reason: "\(error)")
            }
        }
    }

    /// Nothing is mounted any more, and whoever waits for a registry is told so now.
    func end() {
        isOver = true
        for entry in entries.values {
            guard case .opening(let attempts) = entry.state else { continue }
            for attempt in attempts.values { attempt.task.cancel() }
        }
    }

    /// `end`; unmounts everything and forgets the counts.
    func unmountAll() async {
        end()
        for digest in Array(entries.keys) {
            entries[digest]?.userCount = 0
            // The network is not waited for: what it still brings is dropped.
            if case .opening? = entries[digest]?.state { entries[digest]?.state = .unmounted }
            if case .mounting(let task)? = entries[digest]?.state { _ = await task.result }
            unmountIfUnused(digest)
            if case .unmounting(let task)? = entries[digest]?.state { await task.value }
        }
    }

    /// Mounts, or waits for whoever does so.
    private func mount(_ request: LazyLayerRequest) async throws {
        while true {
            guard !isOver else { throw Over() }
            startOpening(request)
            switch entries[request.digest]?.state ?? .unmounted {
            case .mounted: return
            case .mounting(let task): try await task.value
            case .unmounting(let task): await task.value
            case .unmounted: continue
            case .opening(let attempts):
                guard let attempt = attempts[request.reference.registry] else { continue }
                do {
                    try await attempt.task.value
                } catch {
                    guard !isOver else { throw Over() }
                    // Another image's repository failed, and ours may have the layer; or another registry had it.
                    if attempt.request.reference == request.reference, isLost(request.digest) { throw error }
                }
            }
        }
    }

    /// It is not the layer's fault that it is not mounted.
    struct Over: Error, CustomStringConvertible {
        let description = "the daemon ends"
    }

    /// Whether nobody has got so far as to mount a layer.
    private func isLost(_ digest: Digest) -> Bool {
        switch entries[digest]?.state ?? .unmounted {
        case .unmounted, .opening: true
        case .mounting, .mounted, .unmounting: false
        }
    }

    /// Asks the request's registry for a layer that is not mounted, unless it is being asked.
    private func startOpening(_ request: LazyLayerRequest) {
        let (digest, registry) = (request.digest, request.reference.registry)
        var attempts: [String: Attempt]
        switch entries[digest, default: Entry()].state {
        case .unmounted: attempts = [:]
        case .opening(let running) where running[registry] == nil: attempts = running
        case .opening, .mounting, .mounted, .unmounting: return
        }
        lastAttempt += 1
        let number = lastAttempt
        let task = Task {
            do {
                let mounting = try await layers.open(request)
                end(number, of: request) { others in
                    // Who waits for them finds the layer.
                    for other in others.values { other.task.cancel() }
                    startMounting(digest, mounting)
                }
            } catch {
                end(number, of: request) { others in
                    entries[digest]?.state = others.isEmpty ? .unmounted : .opening(others)
                    unmountIfUnused(digest)
                }
                throw error
            }
        }
        attempts[registry] = Attempt(number: number, request: request, task: task)
        entries[digest, default: Entry()].state = .opening(attempts)
    }

    /// What an attempt comes to, which is nothing when the layer was found elsewhere meanwhile; `body` gets the other attempts.
    private func end(_ number: Int, of request: LazyLayerRequest, _ body: ([String: Attempt]) -> Void) {
        guard case .opening(var attempts)? = entries[request.digest]?.state,
            attempts[request.reference.registry]?.number == number
        else { return }
        attempts[request.reference.registry] = nil
        body(attempts)
    }

    private func startMounting(_ digest: Digest, _ mounting: @escaping LazyLayers.Mounting) {
        let task = Task {
            do {
                try await mounting()
                entries[digest]?.state = .mounted
                unmountIfUnused(digest)
            } catch {
                entries[digest]?.state = .unmounted
                unmountIfUnused(digest)
                throw error
            }
        }
        entries[digest]?.state = .mounting(task)
    }

    private func unmountIfUnused(_ digest: Digest) {
        guard let entry = entries[digest], entry.userCount <= 0 else { return }
        switch entry.state {
        case .unmounted: entries[digest] = nil
        case .opening, .mounting, .unmounting: return  // decided when that ends
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
