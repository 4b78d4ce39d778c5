internal import HostSystem
internal import OCI

/// Finds what a container needs of this machine, and writes the runtime's configuration.
struct ContainerSurroundings {
    let root: String
    /// The container's.
    let directory: String
    /// The container's root file system.
    let image: RootedDirectory

    /// - Parameter address: the container's own, on a bridge.
    func write(_ spec: ContainerSpec, address: String?) throws {
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
        surroundings.seccomp = try settings.security.profile()
        let document = try RootlessSpec.adapted(try spec.json(on: machine, surroundings))
        try AtomicFile.write(document, to: directory + "/config.json", mode: 0o600, durably: false)
    }
}
