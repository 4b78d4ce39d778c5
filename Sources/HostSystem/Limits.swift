internal import Glibc

/// Limits of this process.
public enum Limits {
    /// The hard limit of open files: the most that a child can be allowed without privilege.
    public static func maximumOpenFiles() -> UInt64 {
        var limit = rlimit()
        // POSIX's lowest possible limit where the kernel does not tell.
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 20 }
        return UInt64(limit.rlim_max)
    }

    /// Lets this process open as many files as it may: the usual soft limit of 1,024 is for programs that use select(2).
    ///
    /// Where that is refused everything works all the same, with fewer layers at once.
    public static func raiseOpenFiles() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
