public import OCI

// Daemons: what commands say to containerd and to starlingd, and what these answer, as values.
//
//   starling: a command ─▶ DaemonAccess? ── none here ──▶ exec starlingd, as `starling` ─▶ the same command ─▶ DaemonAccess (gRPC)
//
// gRPC is two thirds of a program that has it: of its code, and of the time that it takes to start. A container that is started has no use for it.

/// Speaks to daemons.
public protocol DaemonAccess: Sendable {
    /// What a running starlingd tells of itself; waits at most 10 seconds.
    ///
    /// - Parameter address: path of its socket.
    func status(address: String) async throws -> StatusReport

    /// Connects to containerd for the time of `body`.
    func withImages<Value: Sendable>(
        _ options: ContainerdOptions, _ body: @escaping @Sendable (any DaemonImages) async throws -> Value
    ) async throws -> Value

    /// Pulls an image into containerd, its layers lazily where they can be.
    func pull(_ order: PullOrder) async throws -> PullResult

    /// Fetches what containerd lacks of an image that was pulled lazily.
    func materialize(_ order: PullOrder) async throws -> PullResult
}

/// A daemon's images.
public protocol DaemonImages: Sendable {
    /// An image, to be read. Its name is taken as the full reference.
    func source(_ reference: Reference) -> any ImageSource

    /// An image, to be written. Nothing has the name before everything is there.
    func destination(_ reference: Reference) -> any ImageDestination
}
