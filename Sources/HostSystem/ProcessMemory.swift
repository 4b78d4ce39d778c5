internal import CLinux

/// Memory that this process holds without using it.
public enum ProcessMemory {
    /// Larger objects get memory of their own, which goes back when they do; of the others, what is free at the end of a heap goes back when it
    /// is that much. Above what a range that is fetched takes, so that fetching does not ask the kernel for memory all the time.
    private static let threshold: Int32 = 8 << 20

    /// Lets this process hold little more than it uses: glibc's own thresholds grow to 32 and 64 MiB once something large was freed.
    ///
    /// Without consequence when repeated.
    public static func bound() { starling_bound_unused_memory(threshold) }

    /// Gives back what is free in between, too. For after something that took much memory in small pieces for a moment.
    public static func returnUnused() { starling_return_unused_memory() }
}
