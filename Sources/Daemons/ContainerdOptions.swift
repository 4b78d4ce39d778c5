internal import HostSystem

/// Which containerd, and how to use it.
public struct ContainerdOptions: Sendable {
    /// Path of containerd's socket.
    public var address: String
    /// containerd's namespace.
    public var namespace: String
    /// Name of the snapshotter in containerd's configuration.
    public var snapshotter: String
    /// Bytes of the pieces of a blob that does not wait whole for its digest, at least.
    public var uploadPieceSize: Int64 = 16 << 20

    /// Options as `ctr` has them: what is nil comes from CONTAINERD_ADDRESS and CONTAINERD_NAMESPACE, else from containerd's defaults.
    ///
    /// - Parameter address: a path, with or without `unix://` before it.
    public init(address: String? = nil, namespace: String? = nil, snapshotter: String = "stargz") {
        let address = address ?? Paths.environment("CONTAINERD_ADDRESS") ?? "/run/containerd/containerd.sock"
        self.address = address.hasPrefix("unix://") ? String(address.dropFirst("unix://".count)) : address
        self.namespace = namespace ?? Paths.environment("CONTAINERD_NAMESPACE") ?? "default"
        self.snapshotter = snapshotter
    }
}
