/// One mount(2) call that a client makes to see a snapshot.
public struct SnapshotMount: Hashable, Sendable {
    /// File system type: `bind` or `overlay`.
    public let type: String
    /// What is mounted.
    public let source: String
    /// Options in fstab's spelling.
    public let options: [String]

    /// Describes a mount.
    public init(type: String, source: String, options: [String]) {
        self.type = type
        self.source = source
        self.options = options
    }
}

/// Turns a snapshot and its chain into mounts, as containerd's overlayfs snapshotter does. Pure.
struct OverlayPlan {
    /// Options that this kernel and user need on every overlay.
    let commonOptions: [String]

    /// - Parameters:
    ///   - upper: the snapshot's own `fs` directory.
    ///   - work: overlayfs' work directory, on the same file system.
    ///   - lowers: the parents' directories, topmost first.
    func mounts(kind: SnapshotKind, upper: String, work: String, lowers: [String]) -> [SnapshotMount] {
        let isReadOnly = kind != .active
        guard !lowers.isEmpty else {
            return [SnapshotMount(type: "bind", source: upper, options: [isReadOnly ? "ro" : "rw", "rbind"])]
        }
        if isReadOnly, lowers.count == 1 {
            // overlayfs refuses a single lower directory without an upper one.
            return [SnapshotMount(type: "bind", source: lowers[0], options: ["ro", "rbind"])]
        }
        var options = commonOptions
        if !isReadOnly { options += ["workdir=\(work)", "upperdir=\(upper)"] }
        options.append("lowerdir=" + lowers.joined(separator: ":"))
        return [SnapshotMount(type: "overlay", source: "overlay", options: options)]
    }
}
