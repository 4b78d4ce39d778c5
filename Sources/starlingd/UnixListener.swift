internal import Glibc
internal import HostSystem

/// A listening unix socket that only its owner can connect to, from the first moment.
struct UnixListener {
    /// The listening socket; whoever serves on it closes it.
    let descriptor: Int32
    private let path: String

    enum Failure: Error, CustomStringConvertible {
        case inUse(String)
        case pathTooLong(String, limit: Int)

        var description: String {
            switch self {
            case .inUse(let path): "\(path): another daemon is listening there; stop it or choose another --address"
            case .pathTooLong(let path, let limit): "\(path): longer than the \(limit) bytes that a socket's path can have"
            }
        }
    }

    /// Binds and listens. The directory is made when it is missing; a socket that nobody listens on is replaced.
    init(path: String) throws {
        self.path = path
        try Files.makeDirectories(Paths.parent(of: path), mode: 0o700)
        descriptor = try Self.makeSocket(path)
        do {
            var address = try Self.address(path)
            if Self.call(connect, descriptor, &address) == 0 { throw Failure.inUse(path) }
            if Files.isSocket(path) { Glibc.unlink(path) }
            guard Self.call(bind, descriptor, &address) == 0 else { throw HostError.last("listen on", path) }
            // Nobody can connect before listen(2), so nobody can before the mode is right.
            guard chmod(path, 0o600) == 0 else { throw HostError.last("set the mode of", path) }
            guard listen(descriptor, 128) == 0 else { throw HostError.last("listen on", path) }
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Removes the socket's name.
    func unlink() { _ = Glibc.unlink(path) }

    private static func makeSocket(_ path: String) throws(HostError) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .last("make a socket for", path) }
        return descriptor
    }

    private static func address(_ path: String) throws(Failure) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let limit = MemoryLayout.size(ofValue: address.sun_path) - 1
        guard path.utf8.count <= limit else { throw .pathTooLong(path, limit: limit) }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return address
    }

    private static func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ descriptor: Int32, _ address: inout sockaddr_un
    ) -> Int32 {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
