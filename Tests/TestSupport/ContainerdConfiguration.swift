/// What a private containerd is for.
public struct ContainerdSetup: Sendable {
    /// Whether it is one for kubelet, whose images our snapshotter unpacks and is told of.
    public var servesCRI = false
    /// The image of pods, with `servesCRI`.
    public var sandboxImage: String?
    /// Where the snapshotter has its files, of which kubelet is told the usage.
    public var snapshotterRoot: String?
    /// Whether the snapshotter maps ids, so that clients need not.
    public var remapsIDs = false

    /// A containerd for `ctr`.
    public init(servesCRI: Bool = false, sandboxImage: String? = nil, snapshotterRoot: String? = nil, remapsIDs: Bool = false) {
        self.servesCRI = servesCRI
        self.sandboxImage = sandboxImage
        self.snapshotterRoot = snapshotterRoot
        self.remapsIDs = remapsIDs
    }
}

/// The text of a containerd's configuration: everything in a directory of its own, our daemon as its snapshotter `stargz`.
struct ContainerdConfiguration {
    let directory: String
    let socket: String
    let snapshotter: String
    let setup: ContainerdSetup

    /// Of containerd 1.
    var first: String {
        let cri = """
            [plugins."io.containerd.grpc.v1.cri"]
              # Where these tests run, nobody may make itself less likely to be killed.
              restrict_oom_score_adj = true
              \(setup.sandboxImage.map { "sandbox_image = \"\($0)\"" } ?? "")
            [plugins."io.containerd.grpc.v1.cri".cni]
              conf_dir = "\(directory)/no-networks"
            [plugins."io.containerd.grpc.v1.cri".containerd]
              snapshotter = "stargz"
              disable_snapshot_annotations = false
            """
        return text(version: 2, more: setup.servesCRI ? cri : "")
    }

    /// Of containerd 2: its transfer service and its CRI are told of the snapshotter.
    var second: String {
        let cri = """
            [plugins.'io.containerd.cri.v1.images']
              snapshotter = "stargz"
              disable_snapshot_annotations = false
            \(setup.sandboxImage.map { "[plugins.'io.containerd.cri.v1.images'.pinned_images]\n  sandbox = \"\($0)\"" } ?? "")
            [plugins.'io.containerd.cri.v1.runtime']
              restrict_oom_score_adj = true
            [plugins.'io.containerd.cri.v1.runtime'.cni]
              conf_dir = "\(directory)/no-networks"
            """
        return text(
            version: 3,
            more: """
                [[plugins.'io.containerd.transfer.v1.local'.unpack_config]]
                  platform = "linux/\(TestImages.architecture)"
                  snapshotter = "stargz"
                \(setup.servesCRI ? cri : "")
                """)
    }

    private func text(version: Int, more: String) -> String {
        // What cannot work in a corner of its own, by the names of all versions.
        let disabled =
            (setup.servesCRI ? [] : ["grpc.v1.cri", "cri.v1.images", "cri.v1.runtime"]) + [
                "internal.v1.opt", "nri.v1.nri", "snapshotter.v1.aufs", "snapshotter.v1.btrfs", "snapshotter.v1.zfs",
                "snapshotter.v1.devmapper",
            ]
        return """
            version = \(version)
            root = "\(directory)/root"
            state = "\(directory)/state"
            disabled_plugins = [\(disabled.map { "\"io.containerd.\($0)\"" }.joined(separator: ", "))]
            [grpc]
              address = "\(socket)"
            [proxy_plugins.stargz]
              type = "snapshot"
              address = "\(snapshotter)"
              \(setup.remapsIDs ? "capabilities = [\"remap-ids\"]" : "")
            [proxy_plugins.stargz.exports]
              \(setup.snapshotterRoot.map { "root = \"\($0)\"" } ?? "")
              enable_remote_snapshot_annotations = "true"
            \(more)
            """
    }
}
