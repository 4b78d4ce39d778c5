internal import Glibc
internal import HostSystem

/// The socket of the daemon's clients, which only its owner can connect to.
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
        // We could listen on a longer one, and no client could connect to it.
        guard path.utf8.count <= UnixSocket.maximumPathLength else {
            throw Failure.pathTooLong(path, limit: UnixSocket.maximumPathLength)
        }
        try Files.makeDirectories(Paths.parent(of: path), mode: 0o700)
        do {
            descriptor = try UnixSocket.listen(at: path, .stream)
        } catch {
            guard error.code == EADDRINUSE else { throw error }
            throw Failure.inUse(path)
        }
    }

    /// Removes the socket's name.
    func unlink() { _ = Glibc.unlink(path) }
}
