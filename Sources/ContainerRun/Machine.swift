internal import Glibc
internal import HostSystem
internal import OCI

/// What a container's configuration depends on besides the image and the command line.
struct Machine {
    /// Whether there is the unified cgroup hierarchy only; then the container gets a cgroup namespace, as docker does.
    var hasUnifiedCgroups = false
    /// Whether control groups limit swap.
    var limitsSwap = false
    /// Most open files that this process may allow.
    var maximumOpenFiles: UInt64 = 1 << 20
    /// Mask of the capabilities that this process may give.
    var boundingCapabilities = UInt64.max
    var kernel = KernelVersion.current
    /// In Go's spelling.
    var architecture = Platform.current.architecture
    /// Whether the kernel has AppArmor, and it is on.
    var hasAppArmor = false
    /// Whether the kernel runs programs of the x32 ABI.
    var runsX32 = true

    /// This machine, which is looked at once.
    static func current() throws -> Machine { try found.get() }

    private static let found = Result { try look() }

    private static func look() throws -> Machine {
        var machine = Machine()
        machine.hasUnifiedCgroups = Files.exists("/sys/fs/cgroup/cgroup.controllers")
        // The unified hierarchy's root has no such file, and where the kernel swaps, all groups below have it.
        machine.limitsSwap = Files.exists(
            machine.hasUnifiedCgroups ? "/proc/swaps" : "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
        machine.maximumOpenFiles = Limits.maximumOpenFiles()
        let status = String(decoding: try Files.read("/proc/self/status", limit: 64 << 10), as: UTF8.self)
        machine.boundingCapabilities = boundingCapabilities(status) ?? .max
        // Not there without AppArmor.
        let enabled = try? Files.read("/sys/module/apparmor/parameters/enabled", limit: 16)
        machine.hasAppArmor = enabled?.first == UInt8(ascii: "Y")
        machine.runsX32 = ProcessorModes.runsX32
        return machine
    }

    static func boundingCapabilities(_ status: String) -> UInt64? {
        status.split(separator: "\n").first { $0.hasPrefix("CapBnd:") }.flatMap {
            UInt64($0.dropFirst("CapBnd:".count).drop(while: \.isWhitespace), radix: 16)
        }
    }
}
