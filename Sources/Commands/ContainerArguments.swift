import ArgumentParser
import ContainerRun

/// docker's options for what a container is like, of every command that runs one.
struct ContainerArguments: ParsableArguments {
    @OptionGroup(title: "The process") var process: ProcessArguments
    @OptionGroup(title: "Files") var files: ContainerFileArguments
    @OptionGroup(title: "Network") var network: NetworkArguments
    @OptionGroup(title: "Isolation") var isolation: IsolationArguments

    @Option(help: ArgumentHelp("Program in place of the image's entrypoint; empty for none.", valueName: "program"))
    var entrypoint: String?

    @Flag(name: .customLong("init"), help: "Put a small init before the program, which reaps processes and passes signals on.")
    var hasInit = false

    @Option(help: ArgumentHelp("OCI runtime. (default: crun, else runc)", valueName: "program"))
    var runtime: String?

    /// A container with a command in place of the image's, empty for the image's.
    func settings(_ command: [String]) throws -> ContainerSettings {
        var settings = ContainerSettings(
            command: command, environment: try process.environment(), user: process.user, workingDirectory: process.workingDirectory,
            hostname: network.hostname, terminal: process.terminal)
        settings.entrypoint = entrypoint.map { $0.isEmpty ? [] : [$0] }
        settings.readsInput = process.interactive
        settings.hasInit = hasInit
        settings.isReadOnly = files.readOnly
        settings.mounts = files.all
        settings.devices = isolation.devices
        settings.limits = isolation.limits
        settings.processLimits = isolation.processLimits
        settings.security = try isolation.security()
        settings.network = network.network
        settings.ports = network.ports
        settings.hosts = network.hosts
        return settings
    }
}
