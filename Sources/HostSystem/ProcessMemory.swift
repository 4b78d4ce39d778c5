internal import CLinux

/// Memory that this process holds without using it.
public enum ProcessMemory {
    /// Larger objects get memory of their own, which goes back when they do; of the others, what is free at the end of a heap goes back when it
    /// is that much. Above what a range that is fetched takes, so that fetching does not ask the kernel for memory all the time.
    private static let threshold: Int32 = 8 << 20

    /// Heaps that threads share. Left alone, glibc gives nearly each thread one of its own, eight times as many as processors, and each keeps what
    /// lies free between what is in use: some 20 MB of an idle daemon. Small pieces come from each thread's own cache all the same.
    private static let heaps: Int32 = 2

    /// Lets this process hold little more than it uses: glibc's own thresholds grow to 32 and 64 MiB once something large was freed.
    ///
    /// To be called before there are threads, which keep the heaps that they have. Without consequence when repeated.
    public static func bound() { starling_bound_unused_memory(threshold, heaps) }

    /// Gives back what is free in between, too. For after something that took much memory in small pieces for a moment.
    public static func returnUnused() { starling_return_unused_memory() }
}
