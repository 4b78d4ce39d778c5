internal import CLinux
internal import Glibc

/// Sockets with a name in the file system.
///
/// A name may be longer than the 107 bytes that an address has room for: it is then reached through its directory's descriptor.
public enum UnixSocket {
    /// What travels through a socket.
    public enum Kind: Sendable {
        /// Bytes in order.
        case stream
        /// Messages, each whole or not at all, in order; the end of the other side is noticed.
        case packets

        var type: Int32 { Int32((self == .stream ? SOCK_STREAM : SOCK_SEQPACKET).rawValue) }
    }

    /// Bytes that fit into an address, without the zero at its end.
    public static let maximumPathLength = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// Connects to whoever listens; the caller closes the descriptor.
    ///
    /// - Throws: `HostError` with ENOENT or ECONNREFUSED when nobody does.
    public static func connect(to path: String, _ kind: Kind) throws(HostError) -> Int32 {
        let descriptor = try make(kind, for: path)
        do throws(HostError) {
            try withAddress(of: path) { address, length throws(HostError) in
                guard Glibc.connect(descriptor, address, length) == 0 else { throw .last("connect to", path) }
            }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Listens with only the owner let in, from the first moment. A name that nobody listens on any more is replaced.
    ///
    /// - Throws: `HostError` with EADDRINUSE when somebody listens there.
    public static func listen(at path: String, _ kind: Kind, backlog: Int32 = 128) throws(HostError) -> Int32 {
        if let other = try? connect(to: path, kind) {
            close(other)
            throw .call(operation: "listen on", path: path, code: EADDRINUSE)
        }
        if Files.isSocket(path) { unlink(path) }
        let descriptor = try make(kind, for: path)
        do throws(HostError) {
            try withAddress(of: path) { address, length throws(HostError) in
                guard bind(descriptor, address, length) == 0 else { throw .last("listen on", path) }
            }
            // Nobody can connect before listen(2), so nobody can before the mode is right.
            guard chmod(path, 0o600) == 0, Glibc.listen(descriptor, backlog) == 0 else { throw HostError.last("listen on", path) }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Lets calls on a socket fail with EAGAIN when they have waited that long.
    public static func limitWaits(of socket: Int32, seconds: Int) {
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] { setsockopt(socket, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size)) }
    }

    private static func make(_ kind: Kind, for path: String) throws(HostError) -> Int32 {
        let descriptor = socket(AF_UNIX, kind.type | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .last("make a socket for", path) }
        return descriptor
    }

    private static func withAddress(
        of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(HostError) -> Void
    ) throws(HostError) {
        guard path.utf8.count > maximumPathLength else { return try withShortAddress(of: path, body) }
        let directory = open(Paths.parent(of: path), STARLING_O_PATH | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw .last("open", Paths.parent(of: path)) }
        defer { close(directory) }
        let name = path.split(separator: "/").last ?? ""
        let short = "/proc/self/fd/\(directory)/\(name)"
        guard short.utf8.count <= maximumPathLength else { throw .call(operation: "name a socket", path: path, code: ENAMETOOLONG) }
        try withShortAddress(of: short, body)
    }

    private static func withShortAddress(
        of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(HostError) -> Void
    ) throws(HostError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                Result { () throws(HostError) in try body(pointer, socklen_t(MemoryLayout<sockaddr_un>.size)) }
            }
        }
        try result.get()
    }
}

/// Packets, each with or without an open descriptor, over a socket of `UnixSocket.Kind.packets`.
public enum Packets {
    /// Sends one packet; the receiver gets a descriptor of its own for the same open file.
    public static func send(_ bytes: [UInt8], descriptor: Int32? = nil, to socket: Int32) throws(HostError) {
        while true {
            let count = bytes.withUnsafeBytes { starling_send_packet(socket, $0.baseAddress, $0.count, descriptor ?? -1) }
            if count == bytes.count { return }
            if count >= 0 || errno != EINTR { throw .last("send to", "(socket)") }
        }
    }

    /// Receives one packet of at most `limit` bytes, with the descriptor that came along; nil when the other side has gone.
    public static func receive(from socket: Int32, limit: Int) throws(HostError) -> (bytes: [UInt8], descriptor: Int32?)? {
        var bytes = [UInt8](repeating: 0, count: limit)
        var descriptor: Int32 = -1
        while true {
            let count = bytes.withUnsafeMutableBytes { starling_receive_packet(socket, $0.baseAddress, $0.count, &descriptor) }
            if count > 0 { return (Array(bytes[..<count]), descriptor >= 0 ? descriptor : nil) }
            if count == 0 || errno == ECONNRESET { return nil }
            if errno != EINTR { throw .last("receive from", "(socket)") }
        }
    }
}
