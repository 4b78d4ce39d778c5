internal import OCI

extension ContainerSpec {
    /// What was found or made on the host for the container.
    struct Surroundings {
        /// Beside those that every container has, in the runtime's form.
        var mounts: [RuntimeMount] = []
        var devices: [DeviceMapping.Device] = []
        /// Where the network namespace is that was made for it.
        var networkNamespace = ""
        /// Nil when every system call is allowed.
        var seccomp: SeccompProfile?
        /// Of its terminal, when it has one.
        var consoleSize = ConsoleSize.usual
    }

    /// Where the first process is in the container when it is one of ours, docker's place for it.
    static let initPath = "/sbin/docker-init"

    /// The document.
    func json(on machine: Machine, _ surroundings: Surroundings = Surroundings()) -> JSONValue {
        let capabilities = settings.security.capabilities.capabilities(
            isPrivileged: settings.security.isPrivileged, bounding: machine.boundingCapabilities)
        return .object([
            "ociVersion": .string("1.0.2"),
            "hostname": .string(hostname),
            "root": .object(["path": .string("rootfs"), "readonly": .bool(settings.isReadOnly)]),
            "process": process(on: machine, capabilities, surroundings),
            "mounts": .array(mounts(surroundings.mounts).map(\.json)),
            "linux": linux(on: machine, capabilities, surroundings),
        ])
    }

    /// All mounts, what is deeper after what it is in; what is mounted on purpose replaces a default in its place.
    private func mounts(_ more: [RuntimeMount]) -> [RuntimeMount] {
        let places = Set(more.map(\.destination))
        let defaults = RuntimeDefaults.mounts(isPrivileged: settings.security.isPrivileged).filter { !places.contains($0.destination) }
        let all = (defaults + more).enumerated()
        return all.sorted { ($0.element.depth, $0.offset) < ($1.element.depth, $1.offset) }.map(\.element)
    }

    private func process(on machine: Machine, _ capabilities: [String], _ surroundings: Surroundings) -> JSONValue {
        var process: [String: JSONValue] = [
            "terminal": .bool(settings.terminal),
            "user": user.json,
            "args": .strings((settings.hasInit ? [ContainerSpec.initPath, "--"] : []) + arguments),
            "env": .strings(environment),
            "cwd": .string(workingDirectory),
            "capabilities": Capabilities.json(capabilities, isRoot: user.uid == 0),
            "rlimits": .array(processLimits(on: machine).map(\.json)),
            "noNewPrivileges": .bool(settings.security.forbidsNewPrivileges),
        ]
        if settings.terminal { process["consoleSize"] = surroundings.consoleSize.json }
        if let profile = settings.security.appArmorProfile, !settings.security.isPrivileged {
            process["apparmorProfile"] = .string(profile)
        }
        return .object(process)
    }

    private func processLimits(on machine: Machine) -> [ProcessLimit] {
        let usual = RuntimeDefaults.openFiles(maximum: machine.maximumOpenFiles)
        // The last one of a name counts.
        let chosen = Dictionary(settings.processLimits.map { ($0.type, $0) }, uniquingKeysWith: { $1 })
        return ([chosen[usual.type] ?? usual] + chosen.values.filter { $0.type != usual.type }).sorted { $0.type < $1.type }
    }

    private func linux(on machine: Machine, _ capabilities: [String], _ surroundings: Surroundings) -> JSONValue {
        let security = settings.security
        let namespaces = ["pid", "ipc", "uts", "mount"] + (machine.hasUnifiedCgroups ? ["cgroup"] : [])
        let showsAll = security.isPrivileged || security.showsSystemPaths
        var resources = settings.limits.json(limitsSwap: machine.limitsSwap)
        // The runtime adds the devices that every container has.
        resources["devices"] = .array(
            [.object(["allow": .bool(security.isPrivileged), "access": .string("rwm")])]
                + zip(surroundings.devices, access(of: surroundings.devices)).map { $0.rule($1) })
        var linux: [String: JSONValue] = [
            // One component, so that the runtime removes all that it makes.
            "cgroupsPath": .string("/starling-" + containerID),
            "namespaces": .array(namespaces.map { .object(["type": .string($0)]) } + networkNamespace(surroundings)),
            "resources": .object(resources),
            "maskedPaths": .strings(showsAll ? [] : RuntimeDefaults.maskedPaths),
            "readonlyPaths": .strings(showsAll ? [] : RuntimeDefaults.readonlyPaths),
        ]
        if !surroundings.devices.isEmpty { linux["devices"] = .array(surroundings.devices.map(\.json)) }
        if let seccomp = surroundings.seccomp {
            linux["seccomp"] = seccomp.json(
                in: SeccompProfile.Circumstances(
                    capabilities: Set(capabilities), architecture: machine.architecture, kernel: machine.kernel,
                    runsX32: machine.runsX32))
        }
        return .object(linux)
    }

    private func networkNamespace(_ surroundings: Surroundings) -> [JSONValue] {
        switch settings.network {
        case .host: []
        case .none: [.object(["type": .string("network")])]
        case .bridge: [.object(["type": .string("network"), "path": .string(surroundings.networkNamespace)])]
        }
    }

    private func access(of devices: [DeviceMapping.Device]) -> [String] {
        devices.map { device in
            settings.devices.last { device.path == $0.destination || device.path.hasPrefix($0.destination + "/") }?.access ?? "rwm"
        }
    }
}

extension JSONValue {
    /// A list of texts.
    static func strings(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
}
