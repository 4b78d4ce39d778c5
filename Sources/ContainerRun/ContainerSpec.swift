internal import HostSystem
internal import OCI

/// The configuration of a container as an OCI runtime reads it (runtime specification 1.0.2, "config.md").
///
/// What docker would run: its rules for entrypoint and command, its environment, capabilities, filter of system calls, mounts and masked
/// paths. Same image, same settings, same machine, same bytes.
struct ContainerSpec {
    /// Program and arguments; never empty.
    let arguments: [String]
    /// `NAME=value`, each name once.
    let environment: [String]
    let user: ContainerUser
    let workingDirectory: String
    let hostname: String
    let containerID: String
    let settings: ContainerSettings

    static let defaultPath = ImageConfig.Execution.usualPath

    init(
        image: ImageConfig, name: String, settings: ContainerSettings, root: RootedDirectory, hostname: String, containerID: String
    ) throws {
        let defaults = (image.config ?? ImageConfig.Execution()).replacing(entrypoint: settings.entrypoint)
        arguments = defaults.arguments(command: settings.command)
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
        self.settings = settings
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
}
