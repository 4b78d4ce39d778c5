public import Metrics
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Serves metrics to Prometheus over HTTP/1.1: `/metrics`, and `/healthz` for whoever only wants to know whether all is well.
///
/// What is served is made at each request. One request a connection: who scrapes comes every few seconds at most.
public struct MetricsServer: Sendable {
    private let listener: NIOAsyncChannel<Connection, Never>
    private let families: @Sendable () async -> [MetricFamily]
    private let illness: @Sendable () async -> String?

    private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

    /// How long a client may take for its request and for the answer.
    private static let patience = TimeAmount.seconds(30)

    /// Listens on a port.
    ///
    /// - Parameters:
    ///   - host: name or address of this machine; empty for all its addresses.
    ///   - port: 0 for any that is free.
    ///   - families: what is served, asked at each request.
    ///   - illness: one line that says what is wrong; nil when all is well.
    /// - Throws: why the system refuses the address.
    public init(
        host: String, port: UInt16, families: @escaping @Sendable () async -> [MetricFamily],
        illness: @escaping @Sendable () async -> String?
    ) async throws {
        let bootstrap = Self.bootstrap()
        if host.isEmpty {
            do {
                listener = try await bootstrap.bind(host: "::", port: Int(port), childChannelInitializer: Self.connection)
            } catch let error as IOError where error.errnoCode == Self.noSuchFamily {
                listener = try await bootstrap.bind(host: "0.0.0.0", port: Int(port), childChannelInitializer: Self.connection)
            }
        } else {
            listener = try await bootstrap.bind(host: host, port: Int(port), childChannelInitializer: Self.connection)
        }
        self.families = families
        self.illness = illness
    }

    /// EAFNOSUPPORT of Linux: a machine without IPv6.
    private static let noSuchFamily: Int32 = 97

    /// Serves on a socket that listens already, which it closes at its end; otherwise the same.
    public init(
        listeningSocket: Int32, families: @escaping @Sendable () async -> [MetricFamily], illness: @escaping @Sendable () async -> String?
    ) async throws {
        listener = try await Self.bootstrap().bind(listeningSocket, childChannelInitializer: Self.connection)
        self.families = families
        self.illness = illness
    }

    /// The port that it listens on; nil for a unix socket.
    public var port: Int? { listener.channel.localAddress?.port }

    /// Serves until the task is cancelled.
    public func serve() async throws {
        try await listener.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in connections { group.addTask { await answer(connection) } }
            }
        }
    }

    private static func bootstrap() -> ServerBootstrap {
        ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.backlog, value: 16)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
    }

    @Sendable
    private static func connection(_ channel: any Channel) -> EventLoopFuture<Connection> {
        channel.eventLoop.makeCompletedFuture {
            // Silent clients must not collect.
            channel.eventLoop.assumeIsolated().scheduleTask(in: patience) { channel.close(promise: nil) }
            try channel.pipeline.syncOperations.configureHTTPServerPipeline()
            return try Connection(wrappingChannelSynchronously: channel)
        }
    }

    private func answer(_ connection: Connection) async {
        do {
            try await connection.executeThenClose { requests, answers in
                for try await part in requests {
                    guard case .head(let head) = part else { continue }
                    let (status, type, text) = await answer(head)
                    try await answers.write(.head(Self.head(status, type, length: text.utf8.count)))
                    if head.method != .HEAD { try await answers.write(.body(.byteBuffer(ByteBuffer(string: text)))) }
                    try await answers.write(.end(nil))
                    break
                }
            }
        } catch {
            // The client is gone, or took too long: it knows.
        }
    }

    private func answer(_ head: HTTPRequestHead) async -> (HTTPResponseStatus, type: String, text: String) {
        let plain = "text/plain; charset=utf-8"
        guard head.method == .GET || head.method == .HEAD else { return (.methodNotAllowed, plain, "only GET and HEAD\n") }
        switch head.uri.prefix(while: { $0 != "?" }) {
        case "/metrics": return (.ok, MetricText.contentType, MetricText.write(await families()))
        case "/healthz":
            guard let illness = await illness() else { return (.ok, plain, "ok\n") }
            return (.serviceUnavailable, plain, illness + "\n")
        default: return (.notFound, plain, "/metrics or /healthz\n")
        }
    }

    private static func head(_ status: HTTPResponseStatus, _ type: String, length: Int) -> HTTPResponseHead {
        HTTPResponseHead(
            version: .http1_1, status: status,
            headers: ["content-type": type, "content-length": "\(length)", "connection": "close"])
    }
}
