extension DaemonConfiguration {
    /// `[kubeconfig_keychain]`: credentials from Kubernetes secrets.
    public struct KubeconfigKeychain: Equatable, ConfigurationTable {
        /// `enable_keychain`
        public var isEnabled = false
        /// `kubeconfig_path`
        public var path = ""

        /// The defaults.
        public init() {}

        static let fields: [ConfigurationField<Self>] = [
            .bool(
                "enable_keychain", \.isEnabled,
                "Take credentials of registries from the cluster's secrets of type kubernetes.io/dockerconfigjson."),
            .string(
                "kubeconfig_path", \.path,
                "How to reach the cluster; empty for $KUBECONFIG, ~/.kube/config or a pod's account. A file that is named here may come later."
            ),
        ]
    }

    /// `[cri_keychain]`: credentials from PullImage calls that pass through the daemon.
    public struct CRIKeychain: Equatable, ConfigurationTable {
        /// `enable_keychain`
        public var isEnabled = false
        /// `image_service_path`
        public var imageServicePath = "/run/containerd/containerd.sock"
        /// `listen_path`
        public var listenPath = ""

        /// The defaults.
        public init() {}

        static let fields: [ConfigurationField<Self>] = [
            .bool(
                "enable_keychain", \.isEnabled,
                "Serve CRI's image service, pass every call on, and remember the credentials of pulls (kubelet's --image-service-endpoint)."
            ),
            .string("image_service_path", \.imageServicePath, "Socket of the image service that calls are passed on to."),
            .string("listen_path", \.listenPath, "Socket that it is served on; empty for the daemon's own."),
        ]
    }
}
