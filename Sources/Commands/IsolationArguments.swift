import ArgumentParser
import ContainerRun
import Glibc

/// What a container may do, take and see of the machine.
struct IsolationArguments: ParsableArguments {
    @Option(
        name: .customLong("cap-add"), help: ArgumentHelp("Give a capability, or ALL (repeatable).", valueName: "name"),
        transform: Capabilities.parse)
    var addedCapabilities: [String] = []

    @Option(
        name: .customLong("cap-drop"), help: ArgumentHelp("Take a capability away, or ALL (repeatable).", valueName: "name"),
        transform: Capabilities.parse)
    var droppedCapabilities: [String] = []

    @Flag(help: "Every capability, device and system call; nothing hidden.")
    var privileged = false

    @Option(
        name: .customLong("security-opt"),
        help: ArgumentHelp(
            "seccomp=FILE|unconfined, no-new-privileges, apparmor=PROFILE, systempaths=unconfined (repeatable).", valueName: "option"))
    var securityOptions: [String] = []

    @Option(
        name: .customLong("device"), help: ArgumentHelp("Pass a device on (repeatable).", valueName: "path[:path][:rwm]"),
        transform: DeviceMapping.init(parsing:))
    var devices: [DeviceMapping] = []

    @Option(
        name: [.customShort("m", allowingJoined: true), .customLong("memory")],
        help: ArgumentHelp("Most memory.", valueName: "bytes[k|m|g]"),
        transform: IsolationArguments.memory)
    var memory: UInt64?

    @Option(help: ArgumentHelp("Processors, in fractions.", valueName: "n"), transform: IsolationArguments.processors)
    var cpus: Double?

    @Option(name: .customLong("pids-limit"), help: ArgumentHelp("Most processes and threads; -1 for no limit.", valueName: "n"))
    var processes: Int64?

    @Option(
        name: .customLong("ulimit"), help: ArgumentHelp("Limit of each process (repeatable).", valueName: "name=soft[:hard]"),
        transform: ProcessLimit.init(parsing:))
    var processLimits: [ProcessLimit] = []

    /// The security options, which are parsed one after the other.
    func security() throws -> SecuritySettings {
        var security = SecuritySettings()
        security.isPrivileged = privileged
        security.capabilities.added = addedCapabilities
        security.capabilities.dropped = droppedCapabilities
        for option in securityOptions { try security.take(option: option) }
        return security
    }

    /// What the control group limits.
    var limits: ResourceLimits {
        var limits = ResourceLimits()
        limits.memoryBytes = memory
        limits.processors = cpus
        limits.processes = processes.flatMap { $0 > 0 ? $0 : nil }
        return limits
    }

    func validate() throws {
        do { _ = try security() } catch let error as InvalidOption { throw ValidationError("--security-opt \(error)") }
    }

    private static func memory(_ text: String) throws -> UInt64 {
        let bytes = try ByteCount.parse(text)
        guard bytes >= ResourceLimits.smallestMemory else { throw ValidationError("the least is \(ResourceLimits.smallestMemory >> 20)m") }
        return bytes
    }

    private static func processors(_ text: String) throws -> Double {
        let available = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        guard let count = Double(text), count >= 0.01, count <= Double(available) else {
            throw ValidationError("expected a number from 0.01 to \(available), which this machine has")
        }
        return count
    }
}
