internal import Glibc
internal import HostSystem
internal import OCI
internal import StartTrace

// What is done before a container's first process is started.
extension Container {
    /// Mounts the image and writes what the runtime reads. Looks into the root file system and lets go of it: an open descriptor would keep it
    /// mounted.
    ///
    /// - Returns: the filter of system calls that the runtime has to compile, when it could be kept.
    func prepare(
        _ image: RootFileSystem, _ settings: ContainerSettings, keepsLog: Bool, _ trace: TraceRecorder?
    ) throws -> CompiledFilters.Name? {
        let mounting = trace?.begin(.container, "mount root file system")
        try directory.mount(image.lowerDirectories, isLasting: !identity.removesAtEnd)
        mounting?.end()
        let preparing = trace?.begin(.container, "write bundle")
        defer { preparing?.end() }
        var missing: CompiledFilters.Name?
        if let earlier {
            try describeAgain(earlier, keepsLog: keepsLog)
        } else {
            missing = try describe(image, settings, keepsLog: keepsLog)
        }
        try directory.write(ContainerState(started: .now))
        return missing
    }

    private func describe(
        _ image: RootFileSystem, _ settings: ContainerSettings, keepsLog: Bool
    ) throws -> CompiledFilters.Name? {
        let inside = try RootedDirectory(directory.rootfs)
        let hostname =
            settings.hostname ?? (settings.network == .host ? HostFiles.hostname() : String(directory.id.prefix(ContainerID.shortLength)))
        let spec = try ContainerSpec(
            image: image.config, name: identity.image, settings: settings, root: inside, hostname: hostname, containerID: directory.id)
        // What is mounted over the image may bring the program along.
        if settings.mounts.isEmpty { try ContainerProgram(spec).check(in: inside, image: identity.image) }
        let address = settings.network == .bridge ? try network.connect(settings.ports).address : nil
        let surroundings = ContainerSurroundings(root: root, directory: directory.path, image: inside, filters: filters)
        let missing = try surroundings.write(spec, address: address)
        try directory.write(
            ContainerRecord(
                id: identity.id, name: identity.name, image: identity.image, imageDigest: image.digest, command: spec.arguments,
                labels: identity.labels, created: .now, removesAtEnd: identity.removesAtEnd, keepsLog: keepsLog,
                terminal: settings.terminal, readsInput: settings.readsInput, network: settings.network, ports: settings.ports,
                address: address, stopSignal: image.config.config?.stopSignal.flatMap(SignalName.number) ?? SIGTERM,
                runtime: runtime.program,
                arguments: identity.arguments, directory: try Paths.resolved(".")))
        return missing
    }

    /// What the runtime reads is there from the time before; only a network is made anew each time.
    private func describeAgain(_ earlier: ContainerRecord, keepsLog: Bool) throws {
        var record = earlier
        record.keepsLog = keepsLog
        if record.network == .bridge {
            let address = try network.connect(record.ports).address
            if let old = record.address, old != address {
                try HostFiles(directory: directory.path + "/etc").replace(address: old, with: address)
            }
            record.address = address
        }
        try directory.write(record)
    }

    private var network: BridgeNetwork { BridgeNetwork(directory: directory.path, id: directory.id) }
}
