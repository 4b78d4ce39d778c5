internal import Glibc

/// A moment, in nanoseconds since 1970 (UTC): what containerd's timestamps can hold, and one integer in the database.
public struct SnapshotTime: Hashable, Comparable, Sendable {
    /// Nanoseconds since the epoch.
    public let nanoseconds: Int64

    /// A moment by its distance from the epoch.
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// This moment.
    public static func now() -> SnapshotTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return SnapshotTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Orders moments.
    public static func < (left: SnapshotTime, right: SnapshotTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}
