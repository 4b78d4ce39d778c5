public import ContainerdAPI
public import GRPCCore
public import Logging
public import Snapshots
public import SwiftProtobuf

/// `containerd.services.snapshots.v1.Snapshots` over a `Snapshotter`.
///
/// The adapter translates messages and errors and decides nothing: what a call means is in `Snapshots`, which status an error becomes is in
/// `RPCStatus.swift`. Keys arrive as containerd namespaced them (`<namespace>/<n>/<key>`), so the namespace header is for logs only,
/// and the name of the snapshotter in a request is ignored: there is one behind a socket.
///
///     socket ──▶ GRPCServer ──▶ SnapshotsAdapter ──▶ Snapshotter
public struct SnapshotsAdapter: Containerd_Services_Snapshots_V1_Snapshots.ServiceProtocol {
    private typealias API = Containerd_Services_Snapshots_V1_Snapshots
    let snapshotter: Snapshotter
    let log: Logger

    /// Offers a snapshotter.
    public init(snapshotter: Snapshotter, log: Logger) {
        self.snapshotter = snapshotter
        self.log = log
    }

    /// Makes a writable snapshot; ALREADY_EXISTS when the target of a remote snapshot is there.
    public func prepare(
        request: ServerRequest<Containerd_Services_Snapshots_V1_PrepareSnapshotRequest>, context: ServerContext
    ) async throws -> ServerResponse<Containerd_Services_Snapshots_V1_PrepareSnapshotResponse> {
        let message = request.message
        return try await answer("Prepare", message.key, request.metadata) {
            let mounts = try await snapshotter.prepare(message.key, parent: message.parent, labels: message.labels) {
                !context.cancellation.isCancelled
            }
            return .with { $0.mounts = mounts.map(Containerd_Types_Mount.init) }
        }
    }

    /// Makes a read-only snapshot.
    public func view(
        request: ServerRequest<Containerd_Services_Snapshots_V1_ViewSnapshotRequest>, context: ServerContext
    ) async throws -> ServerResponse<Containerd_Services_Snapshots_V1_ViewSnapshotResponse> {
        let message = request.message
        return try await answer("View", message.key, request.metadata) {
            let mounts = try await snapshotter.view(message.key, parent: message.parent, labels: message.labels) {
                !context.cancellation.isCancelled
            }
            return .with { $0.mounts = mounts.map(Containerd_Types_Mount.init) }
        }
    }

    /// Mounts of an active snapshot or view.
    public func mounts(
        request: ServerRequest<Containerd_Services_Snapshots_V1_MountsRequest>, context: ServerContext
    ) async throws -> ServerResponse<Containerd_Services_Snapshots_V1_MountsResponse> {
        let message = request.message
        return try await answer("Mounts", message.key, request.metadata) {
            let mounts = try await snapshotter.mounts(message.key)
            return .with { $0.mounts = mounts.map(Containerd_Types_Mount.init) }
        }
    }

    /// Makes an active snapshot immutable under another name.
    public func commit(
        request: ServerRequest<Containerd_Services_Snapshots_V1_CommitSnapshotRequest>, context: ServerContext
    ) async throws -> ServerResponse<Google_Protobuf_Empty> {
        let message = request.message
        return try await answer("Commit", message.key, request.metadata) {
            try await snapshotter.commit(message.key, as: message.name, labels: message.labels)
            return Google_Protobuf_Empty()
        }
    }

    /// Removes a snapshot that nothing stands on.
    public func remove(
        request: ServerRequest<Containerd_Services_Snapshots_V1_RemoveSnapshotRequest>, context: ServerContext
    ) async throws -> ServerResponse<Google_Protobuf_Empty> {
        let message = request.message
        return try await answer("Remove", message.key, request.metadata) {
            try await snapshotter.remove(message.key)
            return Google_Protobuf_Empty()
        }
    }

    /// What is known of a snapshot.
    public func stat(
        request: ServerRequest<Containerd_Services_Snapshots_V1_StatSnapshotRequest>, context: ServerContext
    ) async throws -> ServerResponse<Containerd_Services_Snapshots_V1_StatSnapshotResponse> {
        let message = request.message
        return try await answer("Stat", message.key, request.metadata) {
            let info = try await snapshotter.stat(message.key)
            return .with { $0.info = Containerd_Services_Snapshots_V1_Info(info) }
        }
    }

    /// Changes labels.
    public func update(
        request: ServerRequest<Containerd_Services_Snapshots_V1_UpdateSnapshotRequest>, context: ServerContext
    ) async throws -> ServerResponse<Containerd_Services_Snapshots_V1_UpdateSnapshotResponse> {
        let message = request.message
        return try await answer("Update", message.info.name, request.metadata) {
            let info = try await snapshotter.update(message.info.name, labels: message.info.labels, fields: message.updateMask.paths)
            return .with { $0.info = Containerd_Services_Snapshots_V1_Info(info) }
        }
    }

    /// Disk space of a snapshot.
    public func usage(
        request: ServerRequest<Containerd_Services_Snapshots_V1_UsageRequest>, context: ServerContext
    ) async throws -> ServerResponse<Containerd_Services_Snapshots_V1_UsageResponse> {
        let message = request.message
        return try await answer("Usage", message.key, request.metadata) {
            let usage = try await snapshotter.usage(message.key)
            return .with {
                $0.size = usage.bytes
                $0.inodes = usage.inodes
            }
        }
    }

    /// Frees the disk space of removed snapshots.
    public func cleanup(
        request: ServerRequest<Containerd_Services_Snapshots_V1_CleanupRequest>, context: ServerContext
    ) async throws -> ServerResponse<Google_Protobuf_Empty> {
        try await answer("Cleanup", "", request.metadata) {
            try await snapshotter.cleanup()
            return Google_Protobuf_Empty()
        }
    }

    /// Runs one call; its error becomes a status, and a line in the log when it is not the client's doing.
    private func answer<Message: Sendable>(
        _ call: String, _ key: String, _ metadata: Metadata, _ body: () async throws -> Message
    ) async throws -> ServerResponse<Message> {
        do {
            let message = try await body()
            log.debug("\(call)", metadata: facts(key, metadata))
            return ServerResponse(message: message)
        } catch {
            throw status(of: error, call, key, metadata)
        }
    }

    func status(of error: any Error, _ call: String, _ key: String, _ metadata: Metadata) -> RPCError {
        let status = RPCError(snapshotError: error)
        let isOurs = status.code.isServerFailure
        log.log(level: isOurs ? .error : .debug, "\(call) failed: \(status.message)", metadata: facts(key, metadata))
        return status
    }

    private func facts(_ key: String, _ metadata: Metadata) -> Logger.Metadata {
        var facts: Logger.Metadata = key.isEmpty ? [:] : ["key": "\(key.prefix(256))"]
        for namespace in metadata[stringValues: "containerd-namespace"] { facts["namespace"] = "\(namespace)" }
        return facts
    }
}
