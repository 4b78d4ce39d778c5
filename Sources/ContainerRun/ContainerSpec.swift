internal import HostSystem
internal import OCI

/// The configuration of a container as an OCI runtime reads it (runtime specification 1.0.2, "config.md").
///
/// What docker would run: its rules for entrypoint and command, its environment, capabilities, mounts and masked paths. Same image,
/// same settings, same bytes.
struct ContainerSpec {
    /// Program and arguments; never empty.
    let arguments: [String]
    /// `NAME=value`, each name once.
    let environment: [String]
    let user: ContainerUser
    let workingDirectory: String
    let hostname: String
    let terminal: Bool
    let containerID: String

    static let defaultPath = ImageConfig.Execution.usualPath

    init(
        image: ImageConfig, name: String, settings: ContainerSettings, root: RootedDirectory, hostname: String, containerID: String
    ) throws {
        let defaults = image.config ?? ImageConfig.Execution()
        arguments = (defaults.entrypoint ?? []) + (settings.command.isEmpty ? defaults.command ?? [] : settings.command)
        guard let program = arguments.first, !program.isEmpty else { throw ContainerError.noCommand(image: name) }
        environment = ContainerSpec.merged(
            ["PATH=" + ContainerSpec.defaultPath, "HOSTNAME=" + hostname] + (settings.terminal ? ["TERM=xterm"] : []),
            defaults.environment ?? [], settings.environment)
        user = try ContainerUser(settings.user ?? defaults.user ?? "", image: name, root: root)
        let directory = settings.workingDirectory ?? defaults.workingDirectory ?? ""
        workingDirectory = directory.isEmpty ? "/" : directory
        guard workingDirectory.hasPrefix("/") else { throw ContainerError.workingDirectory(directory, image: name) }
        self.hostname = hostname
        self.containerID = containerID
        terminal = settings.terminal
    }

    /// A variable of the environment.
    func variable(_ name: String) -> String? {
        environment.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.utf8.count + 1)) }
    }

    /// Joins lists of variables: a later one replaces an earlier of the same name in its place.
    static func merged(_ lists: [String]...) -> [String] {
        var result: [String] = []
        var places: [Substring: Int] = [:]
        for entry in lists.joined() {
            let name = entry.prefix { $0 != "=" }
            guard !name.isEmpty else { continue }
            if let place = places[name] {
                result[place] = entry
            } else {
                places[name] = result.count
                result.append(entry)
            }
        }
        return result
    }

    /// What the document depends on besides the image and the command line.
    struct Machine {
        /// Files of the host by their path in the container, bind mounted read-only.
        var files: [(source: String, destination: String)]
        /// Whether there is the unified cgroup hierarchy only; then the container gets a cgroup namespace, as docker does.
        var hasUnifiedCgroups: Bool
        /// Most open files that this process may allow.
        var maximumOpenFiles: UInt64
    }

    /// The document.
    func json(on machine: Machine) throws -> [UInt8] {
        try Documents.encode(
            JSONValue.object([
                "ociVersion": .string("1.0.2"),
                "hostname": .string(hostname),
                "root": .object(["path": .string("rootfs"), "readonly": .bool(false)]),
                "process": process(on: machine),
                "mounts": .array(RuntimeDefaults.mounts + machine.files.map { RuntimeDefaults.bind($0.source, $0.destination) }),
                "linux": linux(on: machine),
            ]))
    }

    private func process(on machine: Machine) -> JSONValue {
        let capabilities = JSONValue.strings(RuntimeDefaults.capabilities)
        return .object([
            "terminal": .bool(terminal),
            "user": .object([
                "uid": .integer(Int64(user.uid)), "gid": .integer(Int64(user.gid)),
                "additionalGids": .array(user.supplementaryGroups.map { .integer(Int64($0)) }),
            ]),
            "args": .strings(arguments),
            "env": .strings(environment),
            "cwd": .string(workingDirectory),
            "capabilities": .object(["bounding": capabilities, "effective": capabilities, "permitted": capabilities]),
            "rlimits": .array([RuntimeDefaults.openFiles(maximum: machine.maximumOpenFiles)]),
            "noNewPrivileges": .bool(false),
        ])
    }

    private func linux(on machine: Machine) -> JSONValue {
        // No "network": the container uses the host's.
        let namespaces = ["pid", "ipc", "uts", "mount"] + (machine.hasUnifiedCgroups ? ["cgroup"] : [])
        return .object([
            // One component, so that the runtime removes all that it makes.
            "cgroupsPath": .string("/starling-" + containerID),
            "namespaces": .array(namespaces.map { .object(["type": .string($0)]) }),
            // The runtime adds the devices that every container has.
            "resources": .object(["devices": .array([.object(["allow": .bool(false), "access": .string("rwm")])])]),
            "maskedPaths": .strings(RuntimeDefaults.maskedPaths),
            "readonlyPaths": .strings(RuntimeDefaults.readonlyPaths),
        ])
    }
}

extension JSONValue {
    /// A list of texts.
    static func strings(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
}
