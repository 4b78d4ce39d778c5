import Glibc
import HostSystem
import Synchronization
import Threads

/// What a proxy does to the answer of one request.
public enum Fault: Sendable {
    /// The connection is reset when so many bytes of the body have been sent.
    case reset(after: Int)
    /// Nothing comes, and the connection stays open.
    case silence
    /// Nothing more comes after so many bytes of the body, and the connection stays open.
    case stall(after: Int)
    /// The connection is closed in order when so many bytes of the body have been sent.
    case truncate(after: Int)
    /// One bit of the body is another.
    case corrupt(at: Int)
    /// This status, with headers, in place of the answer.
    case status(String, headers: [String] = [])
    /// 200 and the whole blob, as if no range had been asked for.
    case wholeBody
    /// The range is asked for so many bytes later than the client did, and the answer says so.
    case shifted(by: Int)
    /// `Content-Range` lies: the header's value.
    case contentRange(String)
    /// Bytes of the body come at that speed.
    case slow(bytesPerSecond: Int)
    /// 200 and this body in place of the answer.
    case answer(String)
}

/// An HTTP/1.1 proxy before a registry, for requests without a body, that does to each answer what a test wants.
public final class FaultProxy: Sendable {
    /// A request as the script sees it.
    public struct Request: Sendable {
        /// Path and query.
        public let target: String
        /// Offsets of the range that is asked for, both inclusive; nil for none and for one that counts from the end.
        public let range: ClosedRange<Int>?
        /// Value of a header of the request, its name in lower case.
        public let headers: [String: String]
        /// How many requests for blobs came before it.
        public let number: Int

        /// Whether a blob is asked for.
        public var isForBlob: Bool { target.contains("/blobs/sha256:") }
    }

    /// Says what happens to a request; nil for nothing.
    public typealias Script = @Sendable (Request) -> Fault?

    private let upstream: UInt16
    private let shared = Mutex(Shared())
    private let server = Mutex<LoopbackServer?>(nil)

    private struct Shared {
        var script: Script?
        var requests: [Request] = []
        var blobs = 0
        var connections = 0
        var open: Set<Int32> = []
    }

    /// The port, the same over all interruptions.
    public let port: UInt16

    /// Forwards to `port`; faults begin with `run`.
    public init(to port: UInt16) throws {
        upstream = port
        self.port = try Loopback.freePort()
        try up()
    }

    /// `127.0.0.1:<port>`.
    public var address: String { "127.0.0.1:\(port)" }
    /// All requests so far, and those for blobs.
    public var requests: [Request] { shared.withLock { $0.requests } }
    /// Requests for blobs so far.
    public var blobRequests: [Request] { requests.filter(\.isForBlob) }
    /// Connections accepted so far, and open now.
    public var connections: (all: Int, open: Int) { shared.withLock { ($0.connections, $0.open.count) } }

    /// From now on the script says what happens to requests; nil: nothing does.
    public func run(_ script: Script?) {
        shared.withLock { shared in
            shared.script = script
            shared.blobs = 0
        }
    }

    /// Nobody listens any more, and all connections are cut.
    public func down() {
        server.withLock { $0 = nil }
        shared.withLock { shared in
            for connection in shared.open { shutdown(connection, Int32(SHUT_RDWR)) }
        }
    }

    /// Listens (again) on the port.
    public func up() throws {
        let server = try LoopbackServer(port: port) { [weak self] client in self?.serve(client) }
        self.server.withLock { $0 = server }
    }

    private func serve(_ client: Int32) {
        shared.withLock { shared in
            shared.connections += 1
            shared.open.insert(client)
        }
        defer { shared.withLock { _ = $0.open.remove(client) } }
        while let head = HTTPHeadText.read(from: client) {
            let (request, fault) = shared.withLock { shared -> (Request, Fault?) in
                let request = Request(
                    target: head.target, range: head.range, headers: head.headers,
                    number: shared.blobs)
                shared.requests.append(request)
                if request.isForBlob { shared.blobs += 1 }
                return (request, shared.script?(request))
            }
            guard FaultyAnswer(head, request.range, fault, upstream: upstream, client: client).give() else { return }
        }
    }
}

/// The first lines of a message.
struct HTTPHeadText {
    let lines: [String]
    /// Bytes of the body that came with it.
    let rest: [UInt8]

    var headers: [String: String] {
        lines.dropFirst().reduce(into: [:]) { headers, line in
            guard let colon = line.firstIndex(of: ":") else { return }
            headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
    }

    var target: String { lines[0].split(separator: " ").dropFirst().first.map(String.init) ?? "" }

    var range: ClosedRange<Int>? {
        let bounds = headers["range"]?.split(separator: "=").last?.split(separator: "-", omittingEmptySubsequences: false)
        guard let bounds, bounds.count == 2, let first = Int(bounds[0]), let last = Int(bounds[1]), first <= last else { return nil }
        return first...last
    }

    /// Reads up to the empty line; nil when the connection ends before.
    static func read(from connection: Int32) -> HTTPHeadText? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let end = Array("\r\n\r\n".utf8)
        while bytes.count < 1 << 20 {
            if let place = bytes.firstRange(of: end) {
                let lines = String(decoding: bytes[..<place.lowerBound], as: UTF8.self).split(separator: "\r\n").map(String.init)
                return HTTPHeadText(lines: lines, rest: Array(bytes[place.upperBound...]))
            }
            let count = Glibc.read(connection, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
        }
        return nil
    }
}

/// One answer on its way from the registry to the client, and what happens to it there.
private struct FaultyAnswer {
    let head: HTTPHeadText
    let range: ClosedRange<Int>?
    let fault: Fault?
    let upstream: UInt16
    let client: Int32

    init(_ head: HTTPHeadText, _ range: ClosedRange<Int>?, _ fault: Fault?, upstream: UInt16, client: Int32) {
        self.head = head
        self.range = range
        self.fault = fault
        self.upstream = upstream
        self.client = client
    }

    /// Returns whether the connection is good for another request.
    func give() -> Bool {
        if case .status(let status, let headers)? = fault {
            let lines = ["HTTP/1.1 \(status)", "Content-Length: 0"] + headers
            return send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8))
        }
        if case .silence? = fault { return breakOff() }
        if case .answer(let body)? = fault {
            return send(Array("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8))
        }
        guard let server = try? Loopback.connect(port: upstream) else { return false }
        defer { close(server) }
        let question = Array((question.joined(separator: "\r\n") + "\r\n\r\n").utf8)
        let asked: Void? = question.withUnsafeBytes { try? FileDescriptors.write($0, to: server, path: "connection") }
        guard asked != nil, let answer = HTTPHeadText.read(from: server) else { return false }
        guard send(Array((answerLines(answer).joined(separator: "\r\n") + "\r\n\r\n").utf8)) else { return false }
        let length = head.lines[0].hasPrefix("HEAD ") ? 0 : answer.headers["content-length"].flatMap { Int($0) } ?? 0
        return copyBody(from: server, answer.rest, length)
    }

    private var question: [String] {
        let kept = head.lines.filter { line in
            let line = line.lowercased()
            let isRange = line.hasPrefix("range:")
            switch fault {
            case .wholeBody where isRange, .shifted where isRange: return false
            default: return !line.hasPrefix("connection:")
            }
        }
        guard case .shifted(let distance)? = fault, let range else { return kept + ["Connection: close"] }
        return kept + ["Range: bytes=\(range.lowerBound + distance)-\(range.upperBound + distance)", "Connection: close"]
    }

    private func answerLines(_ answer: HTTPHeadText) -> [String] {
        let kept = answer.lines.filter { !$0.lowercased().hasPrefix("connection:") }
        guard case .contentRange(let value)? = fault else { return kept }
        return kept.filter { !$0.lowercased().hasPrefix("content-range:") } + ["Content-Range: \(value)"]
    }

    private func copyBody(from server: Int32, _ first: [UInt8], _ length: Int) -> Bool {
        var piece = first
        var done = 0
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            if !piece.isEmpty {
                if case .corrupt(let place)? = fault, (done..<done + piece.count).contains(place) { piece[place - done] ^= 0x10 }
                if let limit, done + piece.count >= limit {
                    _ = send(Array(piece[..<(limit - done)]))
                    return breakOff()
                }
                if case .slow(let speed)? = fault { usleep(UInt32(piece.count * 1_000_000 / max(1, speed))) }
                guard send(piece) else { return false }
                done += piece.count
            }
            guard done < length else { return true }
            let count = Glibc.read(server, &buffer, min(buffer.count, length - done))
            if count < 0, errno == EINTR {
                piece = []
                continue
            }
            guard count > 0 else { return false }
            piece = Array(buffer[..<count])
        }
    }

    /// Bytes of the body after which the answer breaks off.
    private var limit: Int? {
        switch fault {
        case .reset(let count)?, .stall(let count)?, .truncate(let count)?: count
        default: nil
        }
    }

    private func breakOff() -> Bool {
        switch fault {
        case .reset?:
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        case .stall?, .silence?:
            // Until the client has had enough.
            var byte: UInt8 = 0
            while recv(client, &byte, 1, 0) > 0 {}
        default: break
        }
        return false
    }

    private func send(_ bytes: [UInt8]) -> Bool {
        let written: Void? = bytes.withUnsafeBytes { try? FileDescriptors.write($0, to: client, path: "connection") }
        return written != nil
    }
}
