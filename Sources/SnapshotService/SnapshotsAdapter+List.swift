public import ContainerdAPI
public import GRPCCore
internal import Snapshots
internal import SwiftProtobuf

extension SnapshotsAdapter {
    /// Largest message of a list, in bytes: a sixteenth of what containerd accepts, a quarter of gRPC's own default.
    static let maximumListMessage = 1 << 20

    /// Streams the snapshots that pass the filters.
    public func list(
        request: ServerRequest<Containerd_Services_Snapshots_V1_ListSnapshotsRequest>, context: ServerContext
    ) async throws -> StreamingServerResponse<Containerd_Services_Snapshots_V1_ListSnapshotsResponse> {
        let infos: [SnapshotInfo]
        do {
            infos = try await snapshotter.list(filters: request.message.filters)
        } catch {
            throw status(of: error, "List", "", request.metadata)
        }
        return StreamingServerResponse { writer in
            for message in try Self.messages(infos) { try await writer.write(message) }
            return [:]
        }
    }

    /// Fills messages up to the bound; a snapshot's labels have bounds of their own, so one always fits.
    static func messages(_ infos: [SnapshotInfo]) throws -> [Containerd_Services_Snapshots_V1_ListSnapshotsResponse] {
        var messages: [Containerd_Services_Snapshots_V1_ListSnapshotsResponse] = []
        var current = Containerd_Services_Snapshots_V1_ListSnapshotsResponse()
        var size = 0
        for info in infos {
            let item = Containerd_Services_Snapshots_V1_Info(info)
            let itemSize = try item.serializedData().count
            if size + itemSize > maximumListMessage, !current.info.isEmpty {
                messages.append(current)
                current = .init()
                size = 0
            }
            current.info.append(item)
            size += itemSize
        }
        if !current.info.isEmpty { messages.append(current) }
        return messages
    }
}
