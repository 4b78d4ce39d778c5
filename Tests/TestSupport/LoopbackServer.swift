import Glibc
import HostSystem
import Synchronization
import Threads

/// Accepts connections on a loopback port, one thread each, until its owner goes.
public final class LoopbackServer: Sendable {
    /// The port.
    public let port: UInt16
    private let listener: Int32
    private let acceptor: NativeThread

    /// Listens on a port, on a free one for 0, and hands each connection to `serve`, on a thread of its own; the connection is closed after it.
    public init(port: UInt16 = 0, _ serve: @escaping @Sendable (Int32) -> Void) throws {
        // A client that has gone away must end a write, not the test process.
        signal(SIGPIPE, SIG_IGN)
        let (listener, port) = try Loopback.listen(port: port)
        self.listener = listener
        self.port = port
        acceptor = try NativeThread.start(name: "accept") {
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0, errno == EINTR || errno == ECONNABORTED { continue }
                guard connection >= 0 else { return }
                do {
                    try NativeThread.start(name: "connection") {
                        serve(connection)
                        close(connection)
                    }.detach()
                } catch {
                    close(connection)
                }
            }
        }
    }

    deinit {
        // Wakes the acceptor.
        shutdown(listener, Int32(SHUT_RDWR))
        acceptor.join()
        close(listener)
    }
}

/// Answers every HTTP request with the same status and body, for what clients make of it.
public final class CannedHTTPServer: Sendable {
    private let server: LoopbackServer

    /// - Parameters:
    ///   - status: such as `404 Not Found`.
    ///   - headers: without line ends.
    public init(status: String, headers: [String] = [], body: String = "{}") throws {
        let head = (["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)", "Connection: close"] + headers).joined(separator: "\r\n")
        let answer = head + "\r\n\r\n"
        server = try LoopbackServer { connection in
            var request: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            let end = Array("\r\n\r\n".utf8)
            while request.count < 64 << 10, !request.suffix(4).elementsEqual(end) {
                let count = read(connection, &buffer, buffer.count)
                guard count > 0 else { return }
                request += buffer[..<count]
            }
            let isHead = request.starts(with: Array("HEAD ".utf8))
            let text = isHead ? answer : answer + body
            _ = write(connection, text, text.utf8.count)
            shutdown(connection, Int32(SHUT_WR))
        }
    }

    /// `127.0.0.1:<port>`.
    public var address: String { "127.0.0.1:\(server.port)" }
}

/// A TCP proxy before a loopback port that counts what comes back: the bytes that a client really fetched, headers included.
public final class CountingProxy: Sendable {
    private let server: LoopbackServer
    private let counter: Counter

    private final class Counter: Sendable {
        let down = Atomic<Int>(0)
        let up = Atomic<Int>(0)
        let connections = Atomic<Int>(0)
        let isHeld = Monitor(false)
    }

    /// Forwards to `port`.
    ///
    /// - Parameter microseconds: how long each piece of an answer is on its way, at the least.
    public init(to port: UInt16, delay microseconds: UInt32 = 0) throws {
        let counter = Counter()
        self.counter = counter
        server = try LoopbackServer { client in
            guard let upstream = try? Loopback.connect(port: port) else { return }
            defer { close(upstream) }
            counter.connections.add(1, ordering: .relaxed)
            let up = try? NativeThread.start(name: "up") {
                CountingProxy.copy(from: client, to: upstream) { counter.up.add($0, ordering: .relaxed) }
            }
            guard let up else { return }
            CountingProxy.copy(from: upstream, to: client) { count in
                counter.isHeld.wait { $0 ? nil : () }
                if microseconds > 0 { usleep(microseconds) }
                counter.down.add(count, ordering: .relaxed)
            }
            // The answer has ended; so may the question.
            shutdown(client, Int32(SHUT_RD))
            up.join()
        }
    }

    /// `127.0.0.1:<port>`.
    public var address: String { "127.0.0.1:\(server.port)" }
    /// Bytes sent to clients so far.
    public var bytesDown: Int { counter.down.load(ordering: .relaxed) }
    /// Bytes that clients have sent so far.
    public var bytesUp: Int { counter.up.load(ordering: .relaxed) }
    /// Lets questions through and keeps the answers until told otherwise, as a registry that is stuck.
    public func hold(_ isHeld: Bool) { counter.isHeld.update { $0 = isHeld } }
    /// Connections accepted so far.
    public var connections: Int { counter.connections.load(ordering: .relaxed) }

    /// Copies until the end and passes the end on.
    private static func copy(from source: Int32, to target: Int32, count: (Int) -> Void) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let size = read(source, &buffer, buffer.count)
            if size < 0, errno == EINTR { continue }
            guard size > 0 else { break }
            count(size)
            let written: Void? = buffer[..<size].withUnsafeBytes { try? FileDescriptors.write($0, to: target, path: "connection") }
            guard written != nil else { break }
        }
        shutdown(target, Int32(SHUT_WR))
    }
}
