internal import CLinux

/// Programs that the kernel runs beside those of its own kind.
public enum ProcessorModes {
    /// Whether there are programs of the x32 ABI; also true where a filter of system calls keeps this process from asking.
    public static var runsX32: Bool { starling_runs_x32() == 1 }
}
