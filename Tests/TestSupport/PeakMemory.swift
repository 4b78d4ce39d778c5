import Glibc
import HostSystem

/// How much memory something takes at its worst, as the kernel counts it.
public enum PeakMemory {
    /// Runs `body` and returns by how many bytes the process' resident memory grew at most meanwhile.
    ///
    /// Other tests of the process count too, so a bound must leave room for them; what is told apart is megabytes from gigabytes.
    public static func growth(_ body: () throws -> Void) throws -> Int {
        // "5" forgets the highest resident size so far (proc(5), clear_refs).
        let descriptor = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw HostError.last("open", "/proc/self/clear_refs") }
        defer { close(descriptor) }
        guard write(descriptor, "5", 1) == 1 else { throw HostError.last("write", "/proc/self/clear_refs") }
        let before = try highest()
        try body()
        return try highest() - before
    }

    private static func highest() throws -> Int {
        let status = String(decoding: try Files.read("/proc/self/status", limit: 1 << 20), as: UTF8.self)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return (line.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0) << 10
    }
}
