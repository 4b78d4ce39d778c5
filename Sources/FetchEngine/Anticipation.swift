internal import Digests
internal import OCI
internal import Registry
internal import Synchronization

/// Ends of layers, fetched before anybody opens them: a client deploys the layers of an image one after the other, and names those to come.
///
/// Nothing is decided here: the bytes wait, unverified, until the layer is opened with what its manifest promises of it, and go when nobody
/// does. Everything is bounded: fetches at once, layers, bytes, time.
final class Anticipation: Sendable {
    private let client: RegistryClient
    private let keptFor: Duration
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
        let task: Task<KnownEnd?, Never>
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
    private static let mostBytes = 48 << 20

    /// - Parameter keptFor: how long the end of a layer waits for being wanted.
    init(client: RegistryClient, keptFor: Duration = .seconds(120)) {
        self.client = client
        self.keptFor = keptFor
    }

    /// Begins to fetch the ends of layers that are not known yet.
    func expect(_ digests: [Digest], of reference: Reference) {
        let guess = max(Anticipation.leastGuess, min(Anticipation.guess, Anticipation.guesses / max(1, digests.count)))
        state.withLock { state in
            for digest in digests where state.entries[digest] == nil && !state.waiting.contains(where: { $0.digest == digest }) {
                guard state.entries.count + state.waiting.count < Anticipation.mostLayers else { break }
                state.waiting.append((digest, reference, guess))
            }
        }
        startNext()
    }

    /// The end of a layer that was expected of the same registry, once; nil when it was not, or is of no use. What another registry keeps waiting
    /// is not waited for.
    func take(_ digest: Digest, of reference: Reference) async -> KnownEnd? {
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
                state.entries[digest] = Entry(
                    id: id, registry: reference.registry, task: Task { await fetch(digest, reference, guess, id) })
            }
        }
    }

    private func fetch(_ digest: Digest, _ reference: Reference, _ guess: Int, _ id: Int) async -> KnownEnd? {
        let descriptor = Descriptor(mediaType: MediaType.layerGzip, digest: digest, size: 0)
        let blob = client.blob(descriptor, of: reference, mostUnwanted: LayerOpener.mostUnwanted)
        // Whoever opens the layer meets the error, too, and says so.
        let end = try? await KnownEnd.read(blob, guess: guess)
        state.withLock { state in
            state.running -= 1
            guard state.entries[digest]?.id == id else { return }
            guard let end else { return state.entries[digest] = nil }
            state.entries[digest]?.bytes = end.bytes.count
            state.bytes += end.bytes.count
        }
        startNext()
        Task { [weak self, keptFor] in
            try await Task.sleep(for: keptFor)
            self?.forget(digest, id)
        }
        return end
    }

    private func forget(_ digest: Digest, _ id: Int) {
        state.withLock { state in
            guard state.entries[digest]?.id == id, let entry = state.entries.removeValue(forKey: digest) else { return }
            state.bytes -= entry.bytes
        }
        startNext()
    }
}
