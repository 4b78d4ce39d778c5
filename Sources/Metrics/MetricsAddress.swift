/// Where metrics are served.
public enum MetricsAddress: Equatable, Sendable {
    /// A port of this machine; an empty host is all of its addresses.
    case tcp(host: String, port: UInt16)
    /// A unix socket, by its absolute path.
    case unix(path: String)

    /// What an address must be, for the user.
    public struct Malformed: Error, CustomStringConvertible {
        /// One line, to follow the key's name.
        public let description = "must be HOST:PORT, :PORT or the absolute path of a unix socket"
    }

    /// Reads `127.0.0.1:8234`, `[::1]:8234`, `:8234`, `/run/metrics.sock` or `unix:///run/metrics.sock`.
    public init(parsing text: String) throws(Malformed) {
        if text.hasPrefix("/") || text.hasPrefix("unix:") {
            let path = text.hasPrefix("unix://") ? text.dropFirst(7) : text.hasPrefix("unix:") ? text.dropFirst(5) : text[...]
            guard path.hasPrefix("/"), !path.contains("\0") else { throw Malformed() }
            self = .unix(path: String(path))
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { throw Malformed() }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw Malformed()
        }
        self = .tcp(host: String(host), port: port)
    }
}
