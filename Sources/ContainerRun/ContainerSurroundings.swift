internal import HostSystem
internal import OCI

/// Finds what a container needs of this machine, and writes the runtime's configuration.
struct ContainerSurroundings {
    let root: String
    /// The container's.
    let directory: String
    /// The container's root file system.
    let image: RootedDirectory
    /// Filters that are compiled; nil for a runtime that takes none.
    var filters: CompiledFilters?

    /// - Parameter address: the container's own, on a bridge.
    /// - Returns: the filter that the runtime has to compile, when it could be kept.
    func write(_ spec: ContainerSpec, address: String?) throws -> CompiledFilters.Name? {
        let machine = try Machine.current()
        let settings = spec.settings
        if let profile = settings.security.appArmorProfile, !machine.hasAppArmor { throw ContainerError.noAppArmor(profile: profile) }
        let files = HostFiles(directory: directory + "/etc")
        try files.write(hostname: spec.hostname, settings, address: address)
        var surroundings = ContainerSpec.Surroundings()
        surroundings.networkNamespace = directory + "/netns"
        let mounts = try MountSources(root: root, directory: directory, image: image).runtimeMounts(settings.mounts)
        let places = Set(mounts.map(\.destination))
        surroundings.mounts = files.mounts(isReadOnly: settings.isReadOnly).filter { !places.contains($0.destination) } + mounts
        if settings.hasInit {
            surroundings.mounts.append(.bind(try InitProgram.find(), ContainerSpec.initPath, readOnly: true))
        }
        surroundings.devices = try settings.security.isPrivileged ? DeviceMapping.all() : settings.devices.flatMap { try $0.devices() }
        surroundings.consoleSize = .ours
        surroundings.seccomp = try settings.security.profile()
        var document = RootlessSpec.adapted(spec.json(on: machine, surroundings))
        let filter = document["linux"]?["seccomp"].flatMap { filters?.name(of: $0) }
        let compiled = filter.flatMap { filters?.annotation($0) }
        if let compiled { document["annotations"] = .object([compiled.key: .string(compiled.value)]) }
        try AtomicFile.write(Documents.encode(document), to: directory + "/config.json", mode: 0o600, durably: false)
        return compiled == nil ? filter : nil
    }
}
