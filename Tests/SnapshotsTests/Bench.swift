import Digests
import HostSystem
import Logging
import Synchronization

@testable import Snapshots

/// A root directory with a snapshotter on it, reopened at will, and everything it logged.
final class Bench {
    let directory: TemporaryDirectory
    let layers: FakeLayers
    let log = LogRecorder()
    private var current: Snapshotter?

    private let requiresLazy: Bool

    init(requiresLazy: Bool = false) throws {
        self.requiresLazy = requiresLazy
        directory = try TemporaryDirectory(prefix: "snapshots-")
        layers = FakeLayers(directory: directory.path + "/layers")
    }

    var root: String { directory.path + "/root" }

    /// The snapshotter, opened when it is not.
    func snapshotter() throws -> Snapshotter {
        if let current { return current }
        let new = try Snapshotter(root: root, layers: layers, requiresLazy: requiresLazy, log: log.logger)
        current = new
        return new
    }

    /// Forgets the snapshotter without telling it, as a kill does, and opens a new one. Nobody else may hold on to the old one.
    func reopen() async throws -> Snapshotter {
        await close()
        return try snapshotter()
    }

    /// As `reopen`, without a new one.
    func close() async {
        weak let old = current
        current = nil
        // Tasks that just ended may hold their context, and with it the lock, for a moment.
        while old != nil { await Task.yield() }
        layers.state.withLock { $0.mounted = [] }
    }

    /// A chain of committed snapshots named by `names`, each on the one before.
    func commitChain(_ names: [String]) async throws {
        let snapshotter = try snapshotter()
        var parent = ""
        for name in names {
            _ = try await snapshotter.prepare("making " + name, parent: parent)
            try await snapshotter.commit("making " + name, as: name)
            parent = name
        }
    }
}

/// Labels as CRI writes them for a remote snapshot.
func layerLabels(target: String, digest: Digest, image: String = "127.0.0.1:5000/app:1") -> [String: String] {
    [
        LayerLabels.target: target, LayerLabels.criReference: image, LayerLabels.criDigest: "\(digest)",
        LayerLabels.criLayers: "\(digest)",
    ]
}

func digest(_ text: String) -> Digest { Digest.sha256(Array(text.utf8)) }

/// The error that `body` throws.
func failure<Value>(_ body: () async throws -> Value) async -> SnapshotError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? SnapshotError
    }
}

/// Keeps log lines for tests to look at.
final class LogRecorder: Sendable {
    struct Line: Sendable {
        let level: Logger.Level
        let message: String
        let metadata: [String: String]
    }

    private let recorded = Mutex<[Line]>([])

    var lines: [Line] { recorded.withLock { $0 } }

    var logger: Logger {
        Logger(label: "test") { _ in Handler(recorder: self) }
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let facts = (event.metadata ?? [:]).mapValues { "\($0)" }
            recorder.recorded.withLock { $0.append(Line(level: event.level, message: "\(event.message)", metadata: facts)) }
        }
    }
}
