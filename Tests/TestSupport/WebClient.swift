import Glibc
import HostSystem

/// One HTTP request to a server of this machine, over a connection of its own.
public enum WebClient {
    /// What came back.
    public struct Answer: Sendable {
        /// Status code.
        public let status: Int
        /// Header fields and the status line, as they came.
        public let head: String
        /// The body.
        public let body: String
    }

    /// Asks a port of 127.0.0.1.
    public static func get(_ path: String, port: UInt16, method: String = "GET") throws -> Answer {
        try get(path, try Loopback.connect(port: port), method)
    }

    /// Asks a unix socket.
    public static func get(_ path: String, socket: String, method: String = "GET") throws -> Answer {
        try get(path, try UnixSocket.connect(to: socket, .stream), method)
    }

    private static func get(_ path: String, _ connection: Int32, _ method: String) throws -> Answer {
        defer { close(connection) }
        UnixSocket.limitWaits(of: connection, seconds: 30)
        let request = "\(method) \(path) HTTP/1.1\r\nHost: here\r\n\r\n"
        guard send(connection, request, request.utf8.count, Int32(MSG_NOSIGNAL)) == request.utf8.count else {
            throw HostError.last("ask for", path)
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count >= 0 else { throw HostError.last("receive", path) }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n"), let status = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else {
            throw TestFailure("no HTTP answer to \(path): \(text.prefix(200))")
        }
        return Answer(status: status, head: String(text[..<end.lowerBound]), body: String(text[end.upperBound...]))
    }
}
