internal import Glibc
internal import HostSystem

/// Some space of the disk, held by a file of no content, for the writes that give space back: on a full disk the database of snapshots could not
/// even note that one was removed.
struct SpaceReserve: Sendable {
    private let path: String

    /// More than such writes take: some pages of a few KiB each.
    private static let size: off_t = 1 << 20

    /// - Parameter directory: of the database.
    init(directory: String) { path = directory + "/metadata.db-reserve" }

    /// Sees to it that the space is held, if it is there.
    func hold() {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return }
        // On a full disk, or a file system that cannot: what there is of it.
        _ = posix_fallocate(descriptor, 0, Self.size)
        close(descriptor)
    }

    /// Gives the space up for a write; false when there was none.
    func spend() -> Bool { unlink(path) == 0 }
}
