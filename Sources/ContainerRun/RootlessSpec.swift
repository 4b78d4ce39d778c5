internal import HostSystem
internal import OCI

/// What an ordinary user's container must do without, in the runtime's configuration: the runtime has privileges over what belongs to the user
/// namespace and over nothing else.
///
/// - Control groups are the machine's: the container stays in the user's, without limits of its own.
/// - sysfs shows the devices of a network, so only whose network is their own may mount it. Else the machine's is shown, read-only.
/// - Terminals belong to group 5 where there is such a group.
enum RootlessSpec {
    /// The configuration as it is possible in this process's user namespace; as it is in the machine's own.
    static func adapted(_ spec: JSONValue) -> JSONValue {
        guard UserNamespace.isNested else { return spec }
        return adapted(spec, hasTerminalGroup: UserNamespace.hasGroup(terminalGroup))
    }

    private static let terminalGroup: UInt32 = 5

    static func adapted(_ spec: JSONValue, hasTerminalGroup: Bool) -> JSONValue {
        var spec = spec
        var linux = spec["linux"] ?? .object([:])
        let hasOwnNetwork = linux["namespaces"]?.array?.contains { $0["type"] == .string("network") } ?? false
        linux["cgroupsPath"] = nil
        linux["resources"] = nil
        // Groups that a service manager has given to the user are theirs to change, and not the container's.
        if !hasOwnNetwork { linux["readonlyPaths"] = .array((linux["readonlyPaths"]?.array ?? []) + [.string("/sys/fs/cgroup")]) }
        spec["linux"] = linux
        let mounts = spec["mounts"]?.array ?? []
        spec["mounts"] = .array(mounts.compactMap { adapted($0, hasOwnNetwork: hasOwnNetwork, hasTerminalGroup: hasTerminalGroup) })
        return spec
    }

    private static func adapted(_ mount: JSONValue, hasOwnNetwork: Bool, hasTerminalGroup: Bool) -> JSONValue? {
        switch mount["type"] {
        case .string("cgroup"), .string("cgroup2"): return nil
        case .string("sysfs") where !hasOwnNetwork:
            return .object([
                "destination": mount["destination"] ?? .string("/sys"), "type": .string("bind"), "source": .string("/sys"),
                "options": .strings(["rbind", "nosuid", "noexec", "nodev", "ro", "rprivate"]),
            ])
        case .string("devpts") where !hasTerminalGroup:
            var mount = mount
            mount["options"] = .array((mount["options"]?.array ?? []).filter { $0 != .string("gid=\(terminalGroup)") })
            return mount
        default: return mount
        }
    }
}
