import Glibc
import HostSystem
import Synchronization
import Threads

/// An HTTP/1.1 proxy before a loopback port that looks at what clients send: it keeps the heads, counts bytes, and may cut connections.
public final class RequestProxy: Sendable {
    /// When a connection is cut.
    public enum Cut: Sendable {
        /// Never.
        case never
        /// Once, when clients have sent so many bytes in all.
        case once(after: Int)
        /// Every connection that sends so many bytes.
        case always(after: Int)
    }

    private let server: LoopbackServer
    private let seen: Seen

    private final class Seen: Sendable {
        let bytes = Atomic<Int>(0)
        let cuts = Atomic<Int>(0)
        let heads = Mutex<[String]>([])
        let onHead: @Sendable (String, Int) -> Bool

        init(_ onHead: @escaping @Sendable (String, Int) -> Bool) { self.onHead = onHead }

        func add(_ head: String) -> Bool {
            let method = head.prefix { $0 != " " } + " "
            let number = heads.withLock { heads in
                heads.append(head)
                return heads.count { $0.hasPrefix(method) }
            }
            return onHead(head, number)
        }
    }

    /// Forwards to `port`.
    ///
    /// - Parameters:
    ///   - holdsRequests: a request is sent on when it has arrived whole, as nginx does unless told otherwise; else byte for byte.
    ///   - refused: a method that is answered with 405 in place of the server; only with `holdsRequests`.
    ///   - onHead: gets the head of each request and its number among those of its method, from 1 on, before anything of it is sent on.
    ///     False ends the connection, and nothing of the request is sent on.
    public init(
        to port: UInt16, cut: Cut = .never, holdsRequests: Bool = false, refused: String? = nil,
        onHead: @escaping @Sendable (_ head: String, _ number: Int) -> Bool = { _, _ in true }
    ) throws {
        let seen = Seen(onHead)
        self.seen = seen
        server = try LoopbackServer { client in
            guard let upstream = try? Loopback.connect(port: port) else { return }
            defer { close(upstream) }
            guard let down = try? NativeThread.start(name: "down", { RequestProxy.copyDown(from: upstream, to: client) }) else { return }
            RequestProxy.copyUp(from: client, to: upstream, cut, holdsRequests, refused, seen)
            // The question has ended, or was cut; so may the answer.
            shutdown(upstream, Int32(SHUT_RDWR))
            down.join()
        }
    }

    /// The port.
    public var port: UInt16 { server.port }
    /// `127.0.0.1:<port>`.
    public var address: String { "127.0.0.1:\(server.port)" }
    /// Bytes that clients have sent so far.
    public var bytesUp: Int { seen.bytes.load(ordering: .relaxed) }
    /// Connections cut so far.
    public var cuts: Int { seen.cuts.load(ordering: .relaxed) }
    /// Heads of all requests so far, in order.
    public var heads: [String] { seen.heads.withLock { $0 } }
    /// First lines of all requests so far, without the protocol's version.
    public var requests: [String] { heads.map { $0.prefix { !$0.isNewline }.split(separator: " ").dropLast().joined(separator: " ") } }

    /// Heads of requests of a method.
    public func count(_ method: String) -> Int { heads.filter { $0.hasPrefix(method + " ") }.count }

    private static func copyUp(from client: Int32, to upstream: Int32, _ cut: Cut, _ holdsRequests: Bool, _ refused: String?, _ seen: Seen)
    {
        var splitter = RequestSplitter()
        var held: [UInt8] = []
        var sent = 0
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let size = read(client, &buffer, buffer.count)
            if size < 0, errno == EINTR { continue }
            guard size > 0 else { return }
            sent += size
            let before = seen.bytes.add(size, ordering: .relaxed).oldValue
            held += buffer[..<size]
            var goesOn = true
            let isComplete = splitter.take(buffer[..<size]) { goesOn = seen.add($0) && goesOn }
            guard goesOn else { return }
            let isCut =
                switch cut {
                case .never: false
                case .once(let limit): before < limit && before + size >= limit
                case .always(let limit): sent >= limit
                }
            if isCut {
                seen.cuts.add(1, ordering: .relaxed)
                if !holdsRequests { _ = held.withUnsafeBytes { try? FileDescriptors.write($0, to: upstream, path: "connection") } }
                // Reset and not ended: the client is to see a cut.
                var linger = linger(l_onoff: 1, l_linger: 0)
                setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
                shutdown(client, Int32(SHUT_RDWR))
                return
            }
            guard !holdsRequests || isComplete else { continue }
            if let refused, held.starts(with: Array((refused + " ").utf8)) {
                let answer = "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n"
                _ = write(client, answer, answer.utf8.count)
                held = []
                continue
            }
            let written: Void? = held.withUnsafeBytes { try? FileDescriptors.write($0, to: upstream, path: "connection") }
            guard written != nil else { return }
            held = []
        }
    }

    private static func copyDown(from upstream: Int32, to client: Int32) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let size = read(upstream, &buffer, buffer.count)
            if size < 0, errno == EINTR { continue }
            guard size > 0 else { break }
            let written: Void? = buffer[..<size].withUnsafeBytes { try? FileDescriptors.write($0, to: client, path: "connection") }
            guard written != nil else { break }
        }
        shutdown(client, Int32(SHUT_RDWR))
    }
}

/// Finds the heads in a stream of requests whose bodies have a Content-Length.
private struct RequestSplitter {
    private var head: [UInt8] = []
    private var bodyLeft = 0

    /// Takes the next bytes; whether a request has just ended.
    mutating func take(_ bytes: ArraySlice<UInt8>, onHead: (String) -> Void) -> Bool {
        let end = Array("\r\n\r\n".utf8)
        var rest = bytes
        while !rest.isEmpty {
            if bodyLeft > 0 {
                let count = min(bodyLeft, rest.count)
                bodyLeft -= count
                rest = rest.dropFirst(count)
                continue
            }
            head.append(rest.removeFirst())
            guard head.count >= 4, head.suffix(4).elementsEqual(end) else { continue }
            let text = String(decoding: head, as: UTF8.self)
            onHead(text)
            bodyLeft = RequestSplitter.contentLength(text)
            head = []
        }
        return head.isEmpty && bodyLeft == 0
    }

    private static func contentLength(_ head: String) -> Int {
        let lines = head.split(whereSeparator: \.isNewline)
        let line = lines.first { $0.lowercased().hasPrefix("content-length:") }
        return line.flatMap { Int($0.split(separator: ":")[1].filter { $0 != " " }) } ?? 0
    }
}
