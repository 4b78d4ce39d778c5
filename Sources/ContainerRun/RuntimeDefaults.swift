internal import OCI

/// What docker gives every container that asks for nothing (moby's `oci/defaults.go` and `oci/caps`, read as facts).
enum RuntimeDefaults {
    static let capabilities = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
        "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
    ]

    /// Facts about the machine that a container must not see.
    static let maskedPaths = [
        "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
        "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
    ]

    /// Knobs of the machine that a container must not turn.
    static let readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

    /// Open files: systemd's default since 240, which docker's service has, or what this process may allow if that is less. A higher
    /// soft limit makes old programs that close every possible descriptor take minutes; programs that need more raise theirs.
    static func openFiles(maximum: UInt64) -> ProcessLimit {
        let hard = Int64(min(maximum, 524_288))
        return ProcessLimit(type: "RLIMIT_NOFILE", soft: min(hard, 1024), hard: hard)
    }

    /// The file systems that every container has; privileged ones may write to the machine's.
    static func mounts(isPrivileged: Bool) -> [RuntimeMount] {
        let access = isPrivileged ? "rw" : "ro"
        return [
            mount("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", access]),
            mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", access]),
            mount("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
            mount("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        ]
    }

    private static func mount(_ destination: String, _ type: String, _ source: String, _ options: [String]) -> RuntimeMount {
        RuntimeMount(destination: destination, type: type, source: source, options: options)
    }
}
