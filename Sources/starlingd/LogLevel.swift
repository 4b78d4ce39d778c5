internal import ArgumentParser
internal import Logging

/// The levels of `--log-level`, in the peer's spelling (logrus) and in ours.
enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case trace, debug, info, warn, warning, error, fatal, panic

    /// The same in swift-log's scale.
    var level: Logger.Level {
        switch self {
        case .trace: .trace
        case .debug: .debug
        case .info: .info
        case .warn, .warning: .warning
        case .error: .error
        case .fatal, .panic: .critical
        }
    }
}
