import HostSystem

/// What the test's own process uses.
public enum ProcessFacts {
    /// Threads now; 0 when it cannot be told.
    public static var threads: Int { (try? Files.entries("/proc/self/task").count) ?? 0 }
    /// Open descriptors now; 0 when it cannot be told.
    public static var descriptors: Int { (try? Files.entries("/proc/self/fd").count) ?? 0 }
}
