internal import CLinux
internal import Glibc

/// The mount namespace of this process.
public enum MountNamespace {
    /// Gives the process a mount namespace of its own, whose mounts the host never sees and the kernel removes when the process
    /// and its children are gone, however they end. Mounts and unmounts of the host still arrive here, so nothing is kept busy. An ordinary user is
    /// root in it, and it belongs to a user namespace of its own (`UserNamespace.isNested`).
    ///
    /// To be called first thing in `main`: a namespace belongs to a thread, so the process must have only one.
    public static func enterPrivate() throws(HostError) {
        let operation = "enter a private mount namespace"
        let threads = try threadCount()
        guard threads == 1 else { throw .severalThreads(operation: operation, count: threads) }
        guard geteuid() == 0 else { return try UserNamespace.enterOwn() }
        guard starling_unshare_mounts() == 0 else { throw .last(operation, "(unshare)") }
        guard starling_mount(nil, "/", nil, STARLING_MS_REC | STARLING_MS_SLAVE, nil) == 0 else {
            throw .last("keep mounts from the host, at", "/")
        }
    }

    /// How many threads the process has.
    static func threadCount() throws(HostError) -> Int {
        try Files.entries("/proc/self/task").count
    }
}
