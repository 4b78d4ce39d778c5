import ArgumentParser
import Daemons
import HostSystem

/// Options of every command that talks to containerd.
struct ContainerdArguments: ParsableArguments {
    @Option(
        name: .customLong("containerd"),
        help: ArgumentHelp("containerd's socket. (default: $CONTAINERD_ADDRESS, /run/containerd/containerd.sock)", valueName: "address"))
    var address: String?

    @Option(help: "containerd's namespace. (default: $CONTAINERD_NAMESPACE, default)")
    var namespace: String?

    /// Whether containerd is meant at all, where something else might be.
    var isNamed: Bool {
        address != nil || namespace != nil || ["CONTAINERD_ADDRESS", "CONTAINERD_NAMESPACE"].contains { Paths.environment($0) != nil }
    }

    func options(snapshotter: String? = nil) -> ContainerdOptions {
        var options = ContainerdOptions(address: address, namespace: namespace)
        if let snapshotter { options.snapshotter = snapshotter }
        return options
    }
}
