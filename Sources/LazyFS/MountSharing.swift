internal import Glibc
internal import HostSystem

/// Mounts that the processes of one root have in common: what one container has read of an image is in memory once, for all of them.
///
///     first process ──mounts──▶ FUSE, EROFS ──▶ its container
///          │ listens at DIRECTORY/<what is shown>.<random> (MountOffer)
///          ▼ copies of the mounts, and of FUSE's descriptor
///     other processes ──attach──▶ their containers; each waits at its connection (MountSuccession)
///
///     the first process ends or is killed: the kernel keeps mounts and requests; one of the others listens now, and answers
///
/// Whoever mounts, offers or succeeds has the directory's lock, so that there is one offer of a mount. A socket whose process was killed is replaced by its
/// successor's, or removed with the next offer of any.
public struct MountSharing: Sendable {
    private let directory: String

    private static let lockName = "lock"
    /// How often others look whether it is their turn, and how often at most: ten seconds. A turn takes what mounting takes, some 10 ms.
    private static let pauseMicroseconds: useconds_t = 1000
    private static let patience = 10_000

    /// Shares mounts by means of a directory, which is made when it is missing.
    public init(directory: String) { self.directory = directory }

    /// Where what has that name may be offered.
    func sockets(_ name: String) -> [String] {
        // Who made the directory offers nothing in it yet.
        ((try? Files.entries(directory)) ?? []).filter { $0.hasPrefix(name + ".") }.map(path)
    }

    /// A place for another offer of what has that name.
    func newSocket(_ name: String) -> String { path("\(name).\(RandomName.make())") }

    private func path(_ entry: String) -> String { "\(directory)/\(entry)" }

    /// Runs `body` while nobody else has the turn.
    ///
    /// - Throws: `HostError.locked` when somebody has it for too long; what `body` throws.
    func withTurn<Result>(_ body: () throws -> Result) throws -> Result {
        try Files.makeDirectories(directory, mode: 0o700)
        let lock = try turn()
        defer { withExtendedLifetime(lock) {} }
        return try body()
    }

    private func turn() throws(HostError) -> FileLock {
        for _ in 0..<Self.patience {
            do throws(HostError) {
                return try FileLock(path(Self.lockName))
            } catch {
                guard case .locked = error else { throw error }
                usleep(Self.pauseMicroseconds)
            }
        }
        return try FileLock(path(Self.lockName))
    }

    /// Removes sockets that nobody listens at any more.
    func sweep() {
        for name in (try? Files.entries(directory)) ?? [] where name != Self.lockName {
            do throws(HostError) {
                close(try UnixSocket.connect(to: path(name), .packets))
            } catch {
                if error.code == ECONNREFUSED { unlink(path(name)) }
            }
        }
    }
}
