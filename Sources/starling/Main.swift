import AdditionalStore
import ArgumentParser
import ContainerRun
import Glibc
import HostSystem
import LazyFS

/// Entry of the command line: sets up the process, parses, runs, and turns whatever fails into one line and an exit status.
@main
enum Main {
    static func main() async {
        // A reader of our output that goes away is an error of that write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        // Before anything starts a thread: the keeper goes on in a copy of this process.
        if CommandLine.arguments.dropFirst().first == Store.keeperCommand { keep() }
        // Also when the arguments are no good: docker's 125 says that nothing was run.
        let runsContainer = ["run", "exec", "start"].contains(CommandLine.arguments.dropFirst().first)
        do {
            var command = try parsed()
            // Before anything starts a thread: a mount namespace belongs to a thread.
            if mounts(command) { try MountNamespace.enterPrivate() }
            if geteuid() != 0, command is Store || (command as? Unmount)?.endsStore == true { try PodmanNamespace.enter() }
            try (command as? Exec)?.enter()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let code as ExitCode {
            exit(code.rawValue)
        } catch {
            leave(error, runsContainer: runsContainer)
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

    private static func leave(_ error: any Error, runsContainer: Bool) -> Never {
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

/// The root command.
struct Starling: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "starling",
        abstract: "Container images that start before they are pulled.",
        discussion: """
            Examples:
              starling convert 127.0.0.1:5000/python:3 127.0.0.1:5000/python:3-esgz
              starling run --rm 127.0.0.1:5000/python:3-esgz python3 -c 'print("hello")'

            References are docker's: [REGISTRY/]REPOSITORY[:TAG][@DIGEST]. Results go to standard output, everything else to standard error.
            """,
        version: Version.text,
        subcommands: [
            Convert.self, Optimize.self, Profile.self, Run.self, Exec.self, ContainerList.self, Logs.self, Trace.self, Attach.self,
            Stop.self, Kill.self,
            Start.self, Wait.self, Remove.self, Images.self, RemoveImage.self, Mount.self, Unmount.self, Store.self, Pull.self,
            Materialize.self, Status.self, Cache.self, Inspect.self, List.self, Cat.self, Verify.self, Check.self, TOCDigest.self,
        ])
}
