internal import ChunkStore
public import Digests
internal import FetchEngine
internal import HostSystem
public import Logging
public import OCI
internal import Synchronization
internal import Threads

/// What the start of an image will read, as far as its files say: for images that cannot be run where they are built. Nothing is run or mounted.
///
/// The program's ELF closure, the interpreters of scripts, the modules that Python imports, the commands in shell scripts: what `StartPrediction` guesses, to
/// its end.
public struct StartAnalysis: Sendable {
    /// An image whose layers are lazy.
    private let source: any ImageSource
    private let store: LayerStore
    private let log: Logger

    /// - Parameter directory: for what is needed meanwhile; its owner removes it.
    /// - Throws: `StoreError`, `HostError`.
    public init(_ source: any ImageSource, directory: String, log: Logger) throws {
        self.source = source
        self.log = log
        store = try LayerStore(root: directory)
    }

    /// The files that a program will read, the first ones first.
    ///
    /// - Parameters:
    ///   - layers: of the image, lowest first.
    ///   - manifest: to be named in each line.
    /// - Throws: `LayerRefusal`, `StoreError`, `TreeImageError`, `ThreadError`.
    public func accesses(of start: ProgramStart, layers: [Descriptor], manifest: Digest?) async throws -> [FileAccess] {
        var opened: [LazyLayer] = []
        for layer in layers { opened.append(try await LazyLayer.local(layer, in: source, store)) }
        let chain = try store.chain(of: opened.map(\.stored), keepsWhiteouts: false)
        var options = FetchOptions()
        options.completesLayers = false
        let fetcher = try ChunkFetcher(store: store, log: log, options: options)
        let work = WorkQueue<@Sendable () -> Void>()
        let thread = try NativeThread.start(name: "analyse") { while let next = work.next() { next() } }
        let places = await withCheckedContinuation { continuation in
            let answer = Answer(continuation)
            let prediction = StartPrediction(chain.tree, layers: opened, fetcher: fetcher, work: work) { answer.give($0) }
            answer.keep(prediction)
            prediction.expect(start)
        }
        work.close()
        try await BlockingTask.run {
            fetcher.shutdown()
            thread.join()
        }
        let files = opened.map { ContentFiles($0.stored.tree) }
        return places.compactMap { place in
            files[place.layer].files(in: place.offset..<place.offset + 1).first.map {
                FileAccess(path: $0.file.path, manifestDigest: manifest, layerIndex: place.layer)
            }
        }
    }

    /// Gives the first answer on, and keeps who gives it until then.
    private final class Answer: Sendable {
        private let waiting: Mutex<(continuation: CheckedContinuation<[ContentPlace], Never>?, prediction: StartPrediction?)>

        init(_ continuation: CheckedContinuation<[ContentPlace], Never>) { waiting = Mutex((continuation, nil)) }

        func keep(_ prediction: StartPrediction) { waiting.withLock { $0.prediction = prediction } }

        func give(_ places: [ContentPlace]) {
            let continuation = waiting.withLock { waiting in
                waiting.prediction = nil
                return waiting.continuation.take()
            }
            continuation?.resume(returning: places)
        }
    }
}
