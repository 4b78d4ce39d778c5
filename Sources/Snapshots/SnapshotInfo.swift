/// Stages of a snapshot's life (containerd's snapshotter interface).
public enum SnapshotKind: Int, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// Read-only look at a committed parent.
    case view = 1
    /// Writable; may be committed.
    case active = 2
    /// Immutable; may be a parent.
    case committed = 3

    /// The word that containerd's filters use.
    public var description: String {
        switch self {
        case .view: "view"
        case .active: "active"
        case .committed: "committed"
        }
    }
}

/// What is known of a snapshot.
public struct SnapshotInfo: Hashable, Sendable {
    /// Key of an active snapshot or view, name of a committed one; unique among all three.
    public var name: String
    /// Name of the parent; empty when there is none.
    public var parent: String
    /// Stage of life.
    public var kind: SnapshotKind
    /// When it was created; a commit counts as creation.
    public var created: SnapshotTime
    /// When its labels were last changed.
    public var updated: SnapshotTime
    /// Arbitrary facts; values are never empty.
    public var labels: [String: String]

    /// Collects what is known of a snapshot.
    public init(
        name: String, parent: String = "", kind: SnapshotKind, created: SnapshotTime, updated: SnapshotTime, labels: [String: String] = [:]
    ) {
        self.name = name
        self.parent = parent
        self.kind = kind
        self.created = created
        self.updated = updated
        self.labels = labels
    }
}

/// Disk space that a snapshot itself takes, without its parents.
public struct SnapshotUsage: Hashable, Sendable {
    /// Allocated bytes.
    public var bytes: Int64
    /// Inodes, hard links counted once.
    public var inodes: Int64

    /// Sums up usage.
    public init(bytes: Int64, inodes: Int64) {
        self.bytes = bytes
        self.inodes = inodes
    }
}
