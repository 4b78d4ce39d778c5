internal import ArgumentParser
internal import Commands
internal import HostSystem
internal import LazyFS
internal import Logging

/// `starlingd`: containerd's `stargz` snapshotter.
///
/// This target only wires: flags and configuration file to options, a socket to `SnapshotsAdapter`, signals to an orderly end.
/// Flags and defaults are stargz-snapshotter's (contracts.md 2), so that its systemd unit and containerd's configuration can stay.
@main
struct Starlingd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "starlingd",
        abstract: "Snapshotter for containerd that starts containers before their images are here.",
        version: "starlingd \(Version.current)", subcommands: [ConfigCommand.self, RecoverCommand.self])

    /// Where the file is looked for when nobody names one; it need not be there.
    static let defaultConfigurationFile = "/etc/containerd-stargz-grpc/config.toml"

    @Option(help: "Unix socket to serve containerd on.")
    var address = "/run/containerd-stargz-grpc/containerd-stargz-grpc.sock"

    @Option(help: "Configuration file. (default: \(defaultConfigurationFile), when it exists)")
    var config: String?

    @Option(help: "Directory for all state.")
    var root = "/var/lib/containerd-stargz-grpc"

    @Option(help: "Least severe messages to log: trace, debug, info, warn, error or fatal.")
    var logLevel = LogLevel.info

    @Flag(help: "Talk to registries over plain HTTP. (Registries on loopback are tried that way unasked.)")
    var plainHTTP = false

    /// First argument of the process that keeps the mount for the next daemon; not for people.
    static let keeperCommand = "keeper"

    static func main() async {
        // A command of `starling` that speaks to daemons, which that program leaves to this one.
        if CommandLine.arguments.first == "starling" { return await CommandLineEntry(DaemonClients()).run() }
        // Before anything has started a thread: the keeper goes on in a copy of this process.
        guard CommandLine.arguments.dropFirst().first == keeperCommand else {
            ProcessMemory.bound()
            return await main(nil)
        }
        do {
            try DescriptorKeeper.run()
        } catch {
            exit(withError: ExitCode.failure)
        }
    }

    func validate() throws {
        for (flag, path) in [("--address", address), ("--root", root)] where !path.hasPrefix("/") {
            throw ValidationError("\(flag) \(path): must be an absolute path")
        }
    }

    func run() async throws {
        let level = logLevel.level
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        let log = Logger(label: "starlingd")
        do {
            // Every mapped layer and every directory of a walk holds a descriptor.
            Limits.raiseOpenFiles()
            let daemon = Daemon(
                address: address, root: root, plainHTTP: plainHTTP, configuration: try readConfiguration(log), log: log)
            try await daemon.run()
        } catch let error as ExitCode {
            throw error
        } catch {
            log.critical("\(error)")
            throw ExitCode.failure
        }
    }
}

/// The version that `--version` shows.
enum Version {
    static let current = "0.1.0"
}
