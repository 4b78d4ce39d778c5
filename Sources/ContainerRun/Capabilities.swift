internal import OCI

/// Rights of the superuser, one by one (capabilities(7)).
public struct CapabilityChanges: Equatable, Sendable {
    /// Added to docker's defaults: `CAP_…`, or `ALL`.
    public var added: [String] = []
    /// Taken from them.
    public var dropped: [String] = []

    /// No change.
    public init() {}

    /// What a container gets, in the kernel's order.
    ///
    /// - Parameter bounding: mask of those that this process may give at all.
    func capabilities(isPrivileged: Bool, bounding: UInt64) -> [String] {
        let wanted: Set<String>
        if isPrivileged {
            wanted = Set(Capabilities.all)
        } else if added.contains(Capabilities.every) {
            wanted = Set(Capabilities.all).subtracting(dropped)
        } else {
            let start = dropped.contains(Capabilities.every) ? [] : Set(RuntimeDefaults.capabilities).subtracting(dropped)
            wanted = start.union(added)
        }
        return Capabilities.granted(wanted, by: bounding)
    }
}

/// The kernel's list.
public enum Capabilities {
    /// All of them, as docker's options name it.
    static let every = "ALL"

    /// By number (linux/capability.h).
    static let all = """
        CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN
        NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME
        SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON
        BPF CHECKPOINT_RESTORE
        """.words.map { "CAP_" + $0 }

    /// Those of `wanted` that a process with this mask may give, in the kernel's order.
    static func granted(_ wanted: Set<String>, by bounding: UInt64) -> [String] {
        all.enumerated().filter { bounding >> UInt64($0.offset) & 1 == 1 && wanted.contains($0.element) }.map(\.element)
    }

    /// The runtime's form. A user who is not root has what execve(2) leaves: nothing, and the bound for set-user-id programs.
    static func json(_ names: [String], isRoot: Bool) -> JSONValue {
        let list = JSONValue.strings(names)
        return .object(isRoot ? ["bounding": list, "effective": list, "permitted": list] : ["bounding": list])
    }

    /// Reads a name as docker does: with or without `CAP_`, in any case, or `ALL`.
    public static func parse(_ text: String) throws(InvalidOption) -> String {
        let upper = text.uppercased()
        if upper == every { return every }
        let name = upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
        guard all.contains(name) else { throw InvalidOption(text: text, reason: "no such capability; capabilities(7) lists them") }
        return name
    }
}
