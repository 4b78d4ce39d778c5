internal import ContainerdAPI
internal import Snapshots
internal import SwiftProtobuf

// Values of the room as messages of the protocol.

extension Containerd_Types_Mount {
    init(_ mount: SnapshotMount) {
        self.init()
        type = mount.type
        source = mount.source
        options = mount.options
    }
}

extension Containerd_Services_Snapshots_V1_Info {
    init(_ info: SnapshotInfo) {
        self.init()
        name = info.name
        parent = info.parent
        kind =
            switch info.kind {
            case .view: .view
            case .active: .active
            case .committed: .committed
            }
        createdAt = Google_Protobuf_Timestamp(info.created)
        updatedAt = Google_Protobuf_Timestamp(info.updated)
        labels = info.labels
    }
}

extension Google_Protobuf_Timestamp {
    init(_ time: SnapshotTime) {
        self.init()
        let (seconds, nanoseconds) = time.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        self.seconds = seconds
        nanos = Int32(nanoseconds)
    }
}
