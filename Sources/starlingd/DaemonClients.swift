internal import ContainerdClient
internal import Daemons
internal import StatusAPI

/// Speaks to daemons for commands, by gRPC.
struct DaemonClients: DaemonAccess {
    func status(address: String) async throws -> StatusReport { try await StatusClient.report(address: address) }

    func withImages<Value: Sendable>(
        _ options: ContainerdOptions, _ body: @escaping @Sendable (any DaemonImages) async throws -> Value
    ) async throws -> Value {
        try await ContainerdImages.open(options) { try await body($0) }
    }

    func pull(_ order: PullOrder) async throws -> PullResult { try await ContainerdPull(order).run() }

    func materialize(_ order: PullOrder) async throws -> PullResult { try await ContainerdPull(order).materialize() }
}
