public import Daemons
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix

/// Asks a running daemon.
public enum StatusClient {
    /// The daemon's state; waits at most 10 seconds.
    ///
    /// - Parameter address: path of its socket.
    /// - Throws: `StatusError`.
    public static func report(address: String) async throws -> StatusReport {
        do {
            let transport = try HTTP2ClientTransport.Posix.http2NIOPosix(
                target: .unixDomainSocket(path: address), transportSecurity: .plaintext)
            return try await withGRPCClient(transport: transport) { client in
                var options = CallOptions.defaults
                options.timeout = .seconds(10)
                options.waitForReady = false
                return try await client.unary(
                    request: ClientRequest(message: StatusMethod.Request()), descriptor: StatusMethod.descriptor,
                    serializer: StatusMethod.Coder<StatusMethod.Request>(), deserializer: StatusMethod.Coder<StatusReport>(),
                    options: options
                ) { try $0.message }
            }
        } catch let error as RPCError {
            let cause = error.cause.map { ": \($0)" } ?? ""
            throw StatusError(address: address, reason: error.message + cause)
        } catch {
            throw StatusError(address: address, reason: "\(error)")
        }
    }
}

/// Nobody answers on a socket.
public struct StatusError: Error, Equatable, CustomStringConvertible {
    /// The socket.
    public let address: String
    /// What the system says.
    public let reason: String

    /// One line for the user.
    public var description: String {
        "cannot ask starlingd at \(address): \(reason); is it running, and is --address its socket?"
    }
}
