internal import Digests
internal import Glibc
internal import HostSystem
internal import Logging
internal import OCI
internal import Synchronization
internal import Threads

/// The layers that containers/storage has said to use, and how often: a file each, so that the next process knows.
///
///     DIRECTORY/<hash of image and digest>.json    {"key": {"image", "digest"}, "layer": {"descriptor", "diffID"}, "uses"}
///
/// A pull counts a use for the layer that it makes, and another for as long as it lasts; removing the layer takes the first one back. Who is killed in
/// between takes nothing back, and the layer stays known: that costs its file here.
final class UsedLayers: Sendable {
    private let directory: String
    private let state: Mutex<[LayerKey: Record]>

    struct Record: Codable, Equatable, Sendable {
        let key: LayerKey
        let layer: ImageLayer
        var uses: Int
    }

    init(directory: String, log: Logger) throws {
        self.directory = directory
        try Files.makeDirectories(directory, mode: 0o700)
        var records: [LayerKey: Record] = [:]
        for name in try Files.entries(directory) {
            let path = directory + "/" + name
            do {
                guard name.hasSuffix(UsedLayers.ending) else { throw DocumentError.malformed(what: path, reason: "unfinished") }
                let bytes = try Files.read(path, limit: Documents.maximumSize)
                let record = try Documents.decode(Record.self, from: bytes, what: path)
                records[record.key] = record
            } catch {
                log.warning("a layer's use is forgotten", metadata: ["reason": "\(error)"])
                try Files.remove(path)
            }
        }
        state = Mutex(records)
    }

    private static let ending = ".json"

    var records: [Record] { state.withLock { Array($0.values) } }

    /// A layer that is used, by the name that it was asked for with.
    func layer(_ key: LayerKey) -> ImageLayer? { state.withLock { $0[key]?.layer } }

    /// Whether a layer is used, under any name.
    func isUsed(_ blob: Digest) -> Bool { state.withLock { $0.values.contains { $0.layer.descriptor.digest == blob } } }

    /// Runs a change on a thread that may wait for the disk.
    func change(_ body: @escaping @Sendable (UsedLayers) throws -> Void) async throws { try await BlockingTask.run { try body(self) } }

    /// One more uses a layer.
    func add(_ layer: ImageLayer, as key: LayerKey) throws {
        try state.withLock { records in
            var record = records[key] ?? Record(key: key, layer: layer, uses: 0)
            record.uses += 1
            try write(record)
            records[key] = record
        }
    }

    /// One less uses a layer.
    func remove(_ key: LayerKey) throws {
        try state.withLock { records in
            guard var record = records[key] else { return }
            record.uses -= 1
            if record.uses > 0 {
                try write(record)
                records[key] = record
            } else {
                records[key] = nil
                try Files.remove(path(key))
            }
        }
    }

    private func write(_ record: Record) throws { try AtomicFile.write(try Documents.encode(record), to: path(record.key), mode: 0o600) }

    private func path(_ key: LayerKey) -> String {
        directory + "/" + Digest.sha256(Array(key.description.utf8)).hex + UsedLayers.ending
    }
}
