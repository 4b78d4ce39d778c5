internal import ChunkStore
internal import Digests
internal import OCI
internal import Registry
internal import Synchronization

/// Layers that nobody has opened yet: a client deploys those of an image one after the other, and names those to come. Their ends are fetched,
/// and what is made of them is made, so that opening them takes little more than saying so.
///
/// Nothing is decided here: what there is waits, unverified, until the layer is opened with what its manifest promises of it, and goes when
/// nobody does. Everything is bounded: fetches at once, layers, bytes, time.
final class Anticipation: Sendable {
    private let client: RegistryClient
    private let keptFor: Duration
    private let stage: @Sendable (Digest, KnownEnd) async -> ForeseenLayer.Staged?
    private let state = Mutex(State())

    private struct State {
        var entries: [Digest: Entry] = [:]
        /// Layers whose turn has not come, in the order in which they will be wanted.
        var waiting: [(digest: Digest, reference: Reference, guess: Int)] = []
        var running = 0
        var bytes = 0
        var lastID = 0
    }

    private struct Entry {
        let id: Int
        let registry: String
        let task: Task<ForeseenLayer?, Never>
        var bytes = 0
    }

    /// Bytes that are asked for of a layer that nothing is known of (the TOC of some 4,000 files), of all layers of an image together, and of the
    /// smallest of many: an image of a hundred layers has small ones, and what does not fit takes a second request beside the others'.
    private static let guess = 192 << 10
    private static let guesses = 1 << 20
    private static let leastGuess = 8 << 10

    /// Fetches under way at once; layers that wait or are kept; bytes that are kept.
    private static let mostRunning = 24
    private static let mostLayers = 128
    private static let mostBytes = 64 << 20
    /// Bytes on the disk for one of a compressed TOC, at most and in memory while it is made: what does not fit waits as it came.
    private static let growth = 8

    /// - Parameters:
    ///   - keptFor: how long what was made ahead of a layer waits for being wanted.
    ///   - stage: makes of a layer's end what opening it takes; nil when that cannot be done without knowing more.
    init(
        client: RegistryClient, keptFor: Duration = .seconds(120),
        stage: @escaping @Sendable (Digest, KnownEnd) async -> ForeseenLayer.Staged?
    ) {
        (self.client, self.keptFor, self.stage) = (client, keptFor, stage)
    }

    /// Those of some layers that are not expected already.
    func unknown(_ digests: [Digest]) -> [Digest] {
        state.withLock { state in
            let waiting = Set(state.waiting.map(\.digest))
            return digests.filter { state.entries[$0] == nil && !waiting.contains($0) }
        }
    }

    /// Begins to fetch the ends of layers that are not known yet, which are some of `count` layers of an image.
    func expect(_ digests: [Digest], of reference: Reference, count: Int) {
        let guess = max(Anticipation.leastGuess, min(Anticipation.guess, Anticipation.guesses / max(1, count)))
        state.withLock { state in
            for digest in digests where state.entries[digest] == nil && !state.waiting.contains(where: { $0.digest == digest }) {
                guard state.entries.count + state.waiting.count < Anticipation.mostLayers else { break }
                state.waiting.append((digest, reference, guess))
            }
        }
        startNext()
    }

    /// What there is of a layer that was expected of the same registry, once; nil when it was not, or is of no use. What another registry keeps
    /// waiting is not waited for.
    func take(_ digest: Digest, of reference: Reference) async -> ForeseenLayer? {
        let entry = state.withLock { state -> Entry? in
            // Whoever opens it now is faster alone.
            state.waiting.removeAll { $0.digest == digest }
            guard let entry = state.entries[digest], entry.registry == reference.registry else { return nil }
            state.entries[digest] = nil
            state.bytes -= entry.bytes
            return entry
        }
        guard let task = entry?.task else { return nil }
        return await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }

    /// Layers that are kept or under way.
    var count: Int { state.withLock { $0.entries.count } }

    private func startNext() {
        state.withLock { state in
            while state.running < Anticipation.mostRunning, state.bytes < Anticipation.mostBytes, !state.waiting.isEmpty {
                let (digest, reference, guess) = state.waiting.removeFirst()
                state.running += 1
                state.lastID += 1
                let id = state.lastID
                // Threads of its own: the layer that is being opened would stand behind all those that come later.
                let task = Task(priority: .utility) { await fetch(digest, reference, guess, id) }
                state.entries[digest] = Entry(id: id, registry: reference.registry, task: task)
            }
        }
    }

    private func fetch(_ digest: Digest, _ reference: Reference, _ guess: Int, _ id: Int) async -> ForeseenLayer? {
        let descriptor = Descriptor(mediaType: MediaType.layerGzip, digest: digest, size: 0)
        let blob = client.blob(descriptor, of: reference, mostUnwanted: LayerOpener.mostUnwanted)
        // Whoever opens the layer meets the error, too, and says so.
        let end = try? await KnownEnd.read(blob, guess: guess)
        let mayStage = state.withLock { state in
            state.running -= 1
            guard let end else {
                if state.entries[digest]?.id == id { state.entries[digest] = nil }
                return false
            }
            let room = Anticipation.mostBytes - state.bytes
            count(end.bytes.count, digest, id, &state)
            return Anticipation.growth * end.bytes.count <= room
        }
        startNext()
        guard let end else { return nil }
        Task { [weak self, keptFor] in
            try await Task.sleep(for: keptFor)
            self?.forget(digest, id)
        }
        guard mayStage, let staged = await stage(digest, end) else { return .end(end) }
        state.withLock { count(staged.layer.size, digest, id, &$0) }
        return .staged(staged)
    }

    /// Notes what is kept of a layer now; one that was taken or forgotten does not count any more.
    private func count(_ bytes: Int, _ digest: Digest, _ id: Int, _ state: inout State) {
        guard state.entries[digest]?.id == id else { return }
        state.bytes += bytes - (state.entries[digest]?.bytes ?? 0)
        state.entries[digest]?.bytes = bytes
    }

    private func forget(_ digest: Digest, _ id: Int) {
        state.withLock { state in
            guard state.entries[digest]?.id == id, let entry = state.entries.removeValue(forKey: digest) else { return }
            state.bytes -= entry.bytes
        }
        startNext()
    }
}
