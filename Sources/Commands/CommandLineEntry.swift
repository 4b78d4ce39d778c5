import AdditionalStore
import ArgumentParser
import ContainerRun
public import Daemons
import Glibc
import HostSystem
import LazyFS

// Commands: all of `starling` but gRPC. A command that has to do with containerd or starlingd is gone on with in the program that has it (Daemons).

/// The command line: sets up the process, parses, runs, and turns whatever fails into one line and an exit status.
public struct CommandLineEntry {
    private let command: any ParsableCommand

    /// Whether a failure is docker's 125, which says that nothing was run; also when the arguments are no good.
    private static var runsContainer: Bool { ["run", "exec", "start"].contains(CommandLine.arguments.dropFirst().first) }

    /// Reads the process's arguments, and makes the process what the command needs. Does not return when that fails.
    ///
    /// Not asynchronous, and to be called before anything starts a thread: a mount namespace belongs to a thread.
    ///
    /// - Parameter daemons: who speaks to daemons; nil to have another program do what takes that.
    public init(_ daemons: (any DaemonAccess)?) {
        // A reader of our output that goes away is an error of that write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        // The keeper goes on in a copy of this process.
        if CommandLine.arguments.dropFirst().first == Store.keeperCommand { Self.keep() }
        do {
            command = try Self.parsed()
            if let asking = command as? any AsksDaemons, asking.asksDaemons {
                guard let daemons else { try DaemonProgram.goOn() }
                DaemonProgram.use(daemons)
            }
            if Self.mounts(command) { try MountNamespace.enterPrivate() }
            if geteuid() != 0, command is Store || (command as? Unmount)?.endsStore == true { try PodmanNamespace.enter() }
            try (command as? Exec)?.enter()
        } catch {
            Self.leave(error)
        }
    }

    /// Does it. Returns when that is done, and does not when it failed.
    public func run() async {
        do {
            var command = command
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            Self.leave(error)
        }
    }

    /// The parser looks at all options of a command several times, and at those of the commands above it: one that is named first is parsed alone. Help, and
    /// what is wrong, is told with the whole tree.
    private static func parsed() throws -> any ParsableCommand {
        let words = CommandLine.arguments.dropFirst()
        if let name = words.first, let type = Starling.configuration.subcommands.first(where: { $0.configuration.commandName == name }),
            type.configuration.subcommands.isEmpty, let command = try? type.parseAsRoot(Array(words.dropFirst())),
            Swift.type(of: command) == type
        {
            return command
        }
        return try Starling.parseAsRoot()
    }

    private static func keep() -> Never {
        do {
            try DescriptorKeeper.run()
        } catch {
            Terminal.say("\(error)")
            exit(1)
        }
        exit(0)
    }

    private static func mounts(_ command: any ParsableCommand) -> Bool { (command as? any UsesPrivateMounts)?.mounts ?? false }

    private static func leave(_ error: any Error) -> Never {
        if let code = error as? ExitCode { exit(code.rawValue) }
        // Help, versions and mistakes in the arguments are the parser's to print.
        let isSuccess = Starling.exitCode(for: error) == .success
        if isSuccess || Starling.exitCode(for: error) == .validationFailure {
            guard runsContainer, !isSuccess else { Starling.exit(withError: error) }
            Terminal.say(Starling.message(for: error) + " (`starling \(CommandLine.arguments[1]) --help` explains)")
            exit(125)
        }
        Terminal.say("\(error)")
        if let interrupted = error as? Interruption.Interrupted { exit(128 + interrupted.signal) }
        // 125: the container was never started (docker's and podman's convention); that its command cannot be run is told by all.
        let status = (error as? ContainerError)?.exitStatus ?? 125
        exit(runsContainer || status != 125 ? status : 1)
    }
}
