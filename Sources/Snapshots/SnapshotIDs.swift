internal import HostSystem

/// The ids of the user namespace that a snapshot is for.
struct SnapshotIDs: Sendable {
    /// Shows what belongs to ids inside as the host's.
    let mapping: MappedMount
    /// The host's ids of root inside.
    let root: (user: UInt32, group: UInt32)

    /// Reads containerd's labels; nil when there are none.
    init?(labels: [String: String]) throws(SnapshotError) {
        let texts = (labels[LayerLabels.userMap], labels[LayerLabels.groupMap])
        if texts == (nil, nil) { return nil }
        guard let users = IDMap(parsing: texts.0 ?? ""), let groups = IDMap(parsing: texts.1 ?? "") else {
            throw .invalidArgument(
                "the labels \(LayerLabels.userMap) and \(LayerLabels.groupMap): expected inside:host:count in both, found "
                    + "\(texts.0 ?? "nothing") and \(texts.1 ?? "nothing")")
        }
        guard let user = users.host(0), let group = groups.host(0) else {
            throw .invalidArgument("the labels \(LayerLabels.userMap) and \(LayerLabels.groupMap) give root no id on the host")
        }
        mapping = MappedMount(users: users, groups: groups)
        root = (user, group)
    }
}
