import ArgumentParser
import ContainerRun
import Glibc
import HostSystem
import Threads

/// `starling exec CONTAINER COMMAND…`.
struct Exec: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run another process in a running container.",
        discussion: """
            The exit status is the process's; 126 or 127 when it cannot be run or found, 125 for anything else that goes wrong.

            Examples:
              starling exec web nginx -s reload
              starling exec -it -u www-data -w /srv web sh
            """)

    @OptionGroup var storage: StoreArguments
    @OptionGroup var process: ProcessArguments

    @Flag(name: .shortAndLong, help: "Do not wait for its end.")
    var detach = false

    @Flag(help: "Give it every capability.")
    var privileged = false

    @Argument(help: "Name or id.")
    var container: String

    @Argument(parsing: .captureForPassthrough, help: "Command and arguments.")
    var command: [String]

    /// Goes where an ordinary user's container is; root's are everywhere. Before anything starts a thread.
    func enter() throws {
        guard geteuid() != 0 else { return }
        let all = try Containers(root: storage.rootDirectory)
        try all.enterNamespaces(of: all.find(container))
    }

    func run() async throws {
        var settings = ExecSettings(command: command.first == "--" ? Array(command.dropFirst()) : command)
        settings.environment = try process.environment()
        (settings.user, settings.workingDirectory) = (process.user, process.workingDirectory)
        (settings.terminal, settings.readsInput) = (process.terminal, process.interactive)
        (settings.detaches, settings.isPrivileged) = (detach, privileged)
        let signals = try SignalForwarder()
        let status = try await BlockingTask.run { [settings, container, storage] in
            let all = try Containers(root: storage.rootDirectory)
            return try all.exec(try all.find(container), settings, signals: signals)
        }
        throw ExitCode(status)
    }
}
