public import Daemons
public import OCI

/// The images of a running containerd, for the time of a closure, to be read and written.
///
///     try await ContainerdImages.open(ContainerdOptions()) { images in
///         try await converter.convert(from: images.source(old), to: images.destination(new))
///     }
public struct ContainerdImages: DaemonImages {
    private let containerd: Containerd

    /// Connects, runs `body` under a lease, and disconnects.
    ///
    /// - Parameter options: address and namespace; the rest is a pull's.
    /// - Throws: `ContainerdError`, or what `body` throws.
    public static func open<Value: Sendable>(
        _ options: ContainerdOptions, _ body: @escaping @Sendable (ContainerdImages) async throws -> Value
    ) async throws -> Value {
        try await Containerd.connect(options) { containerd in
            try await containerd.checkVersion()
            // Also where an image is only read: two small calls.
            return try await containerd.withLease { try await body(ContainerdImages(containerd: $0)) }
        }
    }

    /// An image, to be read. Its name is taken as the full reference.
    public func source(_ reference: Reference) -> any ImageSource { ContainerdSource(containerd: containerd, reference: reference) }

    /// An image, to be written. Nothing has the name before everything is there.
    public func destination(_ reference: Reference) -> any ImageDestination {
        ContainerdDestination(containerd: containerd, reference: reference)
    }
}
