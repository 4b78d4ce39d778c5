public import Digests
public import HostSystem

/// Why a call to the snapshotter failed. `SnapshotService` maps the cases to gRPC codes.
public enum SnapshotError: Error, Equatable, CustomStringConvertible {
    /// No snapshot of that name.
    case notFound(String)
    /// The key or name is taken.
    case alreadyExists(String)
    /// The committed snapshot that a client asked for by reference is there: the client skips the layer.
    case targetExists(String)
    /// The layer cannot be lazy, and the configuration wants nothing else.
    case mustBeLazy(target: String, reason: String)
    /// The parent is not committed, so nothing can stand on it.
    case parentNotCommitted(String)
    /// The call does not fit the snapshot's kind.
    case wrongKind(name: String, kind: SnapshotKind, call: String)
    /// Others stand on it.
    case hasChildren(String)
    /// The request makes no sense.
    case invalidArgument(String)
    /// The filter does not parse.
    case invalidFilter(String, position: Int, reason: String)
    /// A lazy layer of the chain cannot be reached now; the next call tries again.
    case layerUnavailable(snapshot: String, layer: Digest, reason: String)
    /// Someone removed the snapshot's directory behind our back.
    case directoryMissing(snapshot: String, path: String)
    /// The metadata database is not what it was, and was left as it is.
    case damaged(path: String, reason: String)
    /// The metadata database cannot be used.
    case metadata(path: String, reason: String)
    /// Linux refused something; `.locked` when another process holds the root directory.
    case system(HostError)

    /// One line for the user.
    public var description: String {
        switch self {
        case .notFound(let name): "snapshot \(name): does not exist"
        case .alreadyExists(let name): "snapshot \(name): already exists"
        case .targetExists(let target): "target snapshot \(target): already exists"
        case .mustBeLazy(let target, let reason):
            "target snapshot \(target): its layer cannot be lazy, as the configuration requires (lazy = \"require\"): \(reason)"
        case .parentNotCommitted(let name): "parent snapshot \(name): not committed, so nothing can be built on it"
        case .wrongKind(let name, let kind, let call): "snapshot \(name): \(call) does not apply to \(kind) snapshots"
        case .hasChildren(let name): "cannot remove snapshot \(name): other snapshots are built on it; remove them first"
        case .invalidArgument(let reason): reason
        case .invalidFilter(let filter, let position, let reason): "filter \(filter): \(reason) at byte \(position)"
        case .layerUnavailable(let snapshot, let layer, let reason):
            "snapshot \(snapshot): lazy layer \(layer) is not available: \(reason); the next call tries again"
        case .directoryMissing(let snapshot, let path):
            "snapshot \(snapshot): its directory \(path) is missing; remove the snapshot and pull the image again"
        case .damaged(let path, let reason):
            "\(path): damaged (\(reason)); `starlingd recover`, with the daemon's --root, saves what can be read and keeps the rest aside"
        case .metadata(let path, let reason): "\(path): \(reason)"
        case .system(let error): error.description
        }
    }
}
