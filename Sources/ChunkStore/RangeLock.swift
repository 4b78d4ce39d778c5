internal import CLinux
internal import Glibc

/// Locks on numbers, between processes (open file description locks, fcntl(2)): the kernel lets go of them however a process ends. Nothing is written to the
/// file, whose places are the numbers.
final class RangeLock: Sendable {
    private let descriptor: Int32

    /// Makes the file when it is missing.
    init(_ path: String) throws(StoreError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .last("open", path) }
    }

    deinit { close(descriptor) }

    /// Takes numbers; false while another has some of them. Where nothing can be locked, nobody else can either, and they are taken.
    func take(_ numbers: ClosedRange<Int>) -> Bool {
        starling_lock_range(descriptor, Int64(numbers.lowerBound), Int64(numbers.count)) == 0 || (errno != EAGAIN && errno != EACCES)
    }

    /// Gives numbers back.
    func giveBack(_ numbers: ClosedRange<Int>) { _ = starling_unlock_range(descriptor, Int64(numbers.lowerBound), Int64(numbers.count)) }
}
