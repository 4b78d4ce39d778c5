public import GRPCCore
public import GRPCNIOTransportHTTP2Posix

/// A lasting connection to containerd, or to another server of Go's gRPC on a unix socket. It is made when the first call wants it, and again
/// after it was lost; a call fails at once when nobody listens.
public struct ContainerdChannel: Sendable {
    /// The only transport that is used here.
    public typealias Transport = HTTP2ClientTransport.Posix

    /// For calls.
    public let client: GRPCClient<Transport>

    /// Waits between attempts to connect: a socket on this machine costs nothing to try.
    private static let backoff = HTTP2ClientTransport.Config.Backoff(
        initial: .milliseconds(100), max: .seconds(1), multiplier: 2, jitter: 0.2)

    /// - Parameter address: path of the socket, which need not be there yet.
    /// - Throws: `ContainerdError.unreachable` for a path that cannot be a socket's.
    public init(address: String) throws(ContainerdError) {
        client = GRPCClient(transport: try Self.transport(to: address, backoff: Self.backoff))
    }

    /// Keeps the connection until the task is cancelled.
    public func run() async throws { try await client.runConnections() }

    /// A transport that survives Go's pings.
    static func transport(
        to address: String, backoff: HTTP2ClientTransport.Config.Backoff = .defaults
    ) throws(ContainerdError) -> HTTP2ClientTransport.Posix {
        var config = HTTP2ClientTransport.Posix.Config.defaults
        config.backoff = backoff
        config.channelDebuggingCallbacks.onCreateTCPConnection = ConnectionSide.client.answerPings
        do {
            return try .http2NIOPosix(target: .unixDomainSocket(path: address), transportSecurity: .plaintext, config: config)
        } catch {
            throw ContainerdError.unreachable(address: address, reason: "\(error)")
        }
    }
}
