internal import Configuration
internal import Metrics
internal import MetricsService
internal import Snapshots

// Metrics over HTTP, where the configuration wants them.
extension Daemon {
    /// Serves metrics until it is told to end.
    struct Metering: Sendable {
        private let server: MetricsServer
        private let listener: UnixListener?

        fileprivate init(_ server: MetricsServer, _ listener: UnixListener?) { (self.server, self.listener) = (server, listener) }

        func run() async throws { try await server.serve() }

        /// Removes the name of its socket, when it has one.
        func unlink() { listener?.unlink() }
    }

    /// Listens at `metrics_address`; nil when that is nowhere.
    func metering(_ metrics: NodeMetrics, _ snapshotter: Snapshotter) async throws -> Metering? {
        guard let address = configuration.general.metrics else { return nil }
        let families: @Sendable () async -> [MetricFamily] = { await metrics.families() }
        let illness: @Sendable () async -> String? = { await metrics.illness(snapshotter) }
        let text = configuration.general.metricsAddress
        do {
            switch address {
            case .tcp(let host, let port):
                return Metering(try await MetricsServer(host: host, port: port, families: families, illness: illness), nil)
            case .unix(let path):
                let listener = try UnixListener(path: path)
                return Metering(
                    try await MetricsServer(listeningSocket: listener.descriptor, families: families, illness: illness), listener)
            }
        } catch {
            throw MetricsUnavailable(address: text, reason: "\(error)")
        }
    }

    private struct MetricsUnavailable: Error, CustomStringConvertible {
        let address: String
        let reason: String
        var description: String { "metrics_address \(address): \(reason)" }
    }
}
