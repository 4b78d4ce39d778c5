internal import ContainerdAPI
internal import Daemons
internal import Digests
internal import GRPCCore
internal import GRPCProtobuf
internal import OCI
internal import SwiftProtobuf

// Snapshots and unpacking.
extension Containerd {
    private typealias API = Containerd_Services_Snapshots_V1_Snapshots

    private var snapshots: API.Client<ContainerdChannel.Transport> { API.Client(wrapping: client) }

    /// Labels of a snapshot; nil when there is none of that name.
    func snapshotLabels(_ name: String) async throws -> [String: String]? {
        let stat = Containerd_Services_Snapshots_V1_StatSnapshotRequest.with {
            $0.snapshotter = options.snapshotter
            $0.key = name
        }
        do {
            return try await snapshots.stat(request: request(stat), options: Self.shortCall).info.labels
        } catch let error as RPCError where error.code == .notFound {
            return nil
        } catch {
            throw ContainerdError.failed("look up snapshot", about: name, error)
        }
    }

    /// Makes an active snapshot; nil when the target that the labels name is there.
    func prepare(_ key: String, parent: String, labels: [String: String]) async throws -> [Containerd_Types_Mount]? {
        let prepare = Containerd_Services_Snapshots_V1_PrepareSnapshotRequest.with {
            $0.snapshotter = options.snapshotter
            $0.key = key
            $0.parent = parent
            $0.labels = labels
        }
        do {
            return try await snapshots.prepare(request: request(prepare), options: Self.longCall).mounts
        } catch let error as RPCError where error.code == .alreadyExists {
            return nil
        } catch {
            throw ContainerdError.failed("prepare snapshot", about: key, error)
        }
    }

    /// Unpacks a stored layer into mounts; answers the digest of the uncompressed tar.
    func apply(_ layer: Descriptor, to mounts: [Containerd_Types_Mount]) async throws -> String {
        let apply = Containerd_Services_Diff_V1_ApplyRequest.with {
            $0.diff = Containerd_Types_Descriptor(layer)
            $0.mounts = mounts
        }
        do {
            let diff = Containerd_Services_Diff_V1_Diff.Client(wrapping: client)
            return try await diff.apply(request: request(apply), options: Self.longCall).applied.digest
        } catch {
            throw ContainerdError.failed("unpack layer", about: "\(layer.digest)", error)
        }
    }

    /// Makes an active snapshot a committed one; harmless when another client was faster.
    func commit(_ key: String, as name: String, labels: [String: String]) async throws {
        let commit = Containerd_Services_Snapshots_V1_CommitSnapshotRequest.with {
            $0.snapshotter = options.snapshotter
            $0.key = key
            $0.name = name
            $0.labels = labels
        }
        do {
            _ = try await snapshots.commit(request: request(commit), options: Self.longCall)
        } catch let error as RPCError where error.code == .alreadyExists {
            await remove(key)
        } catch {
            throw ContainerdError.failed("commit snapshot", about: name, error)
        }
    }

    /// Removes an active snapshot that is of no use any more; without the lease containerd collects it otherwise.
    func remove(_ key: String) async {
        let remove = Containerd_Services_Snapshots_V1_RemoveSnapshotRequest.with {
            $0.snapshotter = options.snapshotter
            $0.key = key
        }
        _ = try? await snapshots.remove(request: request(remove), options: Self.shortCall)
    }
}

extension Containerd_Types_Descriptor {
    init(_ descriptor: Descriptor) {
        self.init()
        mediaType = descriptor.mediaType
        digest = "\(descriptor.digest)"
        size = descriptor.size
        annotations = descriptor.annotations ?? [:]
    }
}
