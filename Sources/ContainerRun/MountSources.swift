internal import Glibc
internal import HostSystem

/// Finds, or makes, what a container's mounts come from.
///
///     ROOT/volumes/<name>/                a named volume; stays until somebody removes the directory
///     ROOT/containers/<id>/volumes/<n>/   a volume without a name; goes with the container
struct MountSources {
    let root: String
    /// The container's.
    let directory: String
    /// The container's root file system, of whose contents new volumes are made.
    let image: RootedDirectory

    /// How long copying an image's files into a new volume may take.
    private static let copyDeadline = Duration.seconds(600)

    /// The mounts as the runtime makes them.
    func runtimeMounts(_ mounts: [ContainerMount]) throws -> [RuntimeMount] {
        try mounts.enumerated().map { index, mount in
            switch mount.source {
            case .memory(let options):
                return RuntimeMount(
                    destination: mount.destination, type: "tmpfs", source: "tmpfs", options: options + (mount.isReadOnly ? ["ro"] : []))
            case .path(let path): return bind(try source(path, mount), mount)
            case .volume(let name): return bind(try volume(name, in: root + "/volumes", mount), mount)
            case .ownVolume: return bind(try volume("\(index)", in: directory + "/volumes", mount), mount)
            }
        }
    }

    private func bind(_ source: String, _ mount: ContainerMount) -> RuntimeMount {
        RuntimeMount(
            destination: mount.destination, type: "bind", source: source,
            options: [mount.isRecursive ? "rbind" : "bind", mount.propagation.rawValue] + (mount.isReadOnly ? ["ro"] : []))
    }

    private func source(_ path: String, _ mount: ContainerMount) throws -> String {
        let absolute = try Paths.absolute(path)
        var facts = stat()
        if stat(absolute, &facts) == 0 { return absolute }
        let error = HostError.last("look up", path)
        guard error.code == ENOENT else { throw error }
        guard mount.makesSource else { throw ContainerError.noMountSource(path, destination: mount.destination) }
        try Files.makeDirectories(absolute)
        return absolute
    }

    private func volume(_ name: String, in directory: String, _ mount: ContainerMount) throws -> String {
        let path = directory + "/" + name
        if Files.isDirectory(path) { return path }
        try Files.makeDirectories(directory, mode: 0o700)
        // Under another name until it is whole: who comes meanwhile makes one, too, and the first to be whole is the volume.
        let making = "\(directory)/.new-\(RandomName.make())"
        try Files.makeDirectories(making)
        do {
            if mount.copiesImage { try copyImage(mount.destination, to: making) }
            try Files.move(making, to: path)
        } catch {
            try? Files.remove(making)
            guard Files.isDirectory(path) else { throw error }
        }
        return path
    }

    /// What the image has in the place of a new volume, owners and times included.
    private func copyImage(_ place: String, to directory: String) throws {
        guard try image.facts(place)?.isDirectory == true else { return }
        let result = try image.withDirectory(place) { source in
            try Program.run("cp", ["-aT", ".", directory], workingDirectory: source, deadline: MountSources.copyDeadline)
        }
        guard result.status == 0 else {
            throw ContainerError.volume(place, reason: result.errorText.split(separator: "\n").first.map(String.init) ?? "cp failed")
        }
    }
}
