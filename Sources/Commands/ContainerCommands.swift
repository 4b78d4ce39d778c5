import ArgumentParser
import ContainerRun
import HostSystem
import Threads

/// Does something to each of some containers; one that fails does not keep the others from it.
private func forEach(
    _ names: [String], _ storage: StoreArguments, _ body: @escaping @Sendable (Containers, ContainerSummary) throws -> String?
) async throws {
    let root = storage.rootDirectory
    try await BlockingTask.run {
        let all = try Containers(root: root)
        var hasFailed = false
        for name in names {
            do {
                try Terminal.result(try body(all, try all.find(name)) ?? name)
            } catch {
                Terminal.say("\(error)")
                hasFailed = true
            }
        }
        if hasFailed { throw ExitCode.failure }
    }
}

/// `starling stop`.
struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Ask containers to end, and kill those that do not.",
        discussion: """
            Examples:
              starling stop web
              starling stop -t 60 database
            """)

    @OptionGroup var storage: StoreArguments

    @Option(name: [.customShort("t"), .customLong("time"), .customLong("timeout")], help: "Seconds to wait before the kill.")
    var seconds: UInt32 = 10

    @Option(
        name: [.customShort("s"), .customLong("signal")], help: ArgumentHelp("Signal in place of the image's.", valueName: "name"),
        transform: Kill.signal)
    var signal: Int32?

    @Argument(help: "Names or ids.")
    var containers: [String]

    func run() async throws {
        try await forEach(containers, storage) { [signal, seconds] all, container in
            try all.stop(container, signal: signal, patience: .seconds(Int(seconds)))
            return nil
        }
    }
}

/// `starling kill`.
struct Kill: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill",
        abstract: "Send containers a signal; SIGKILL when no other is named.",
        discussion: """
            Examples:
              starling kill web
              starling kill -s HUP web
            """)

    @OptionGroup var storage: StoreArguments

    @Option(name: .shortAndLong, help: ArgumentHelp("The signal.", valueName: "name"), transform: Kill.signal)
    var signal: Int32 = 9

    @Argument(help: "Names or ids.")
    var containers: [String]

    static func signal(_ text: String) throws -> Int32 {
        guard let number = SignalName.number(text) else { throw ValidationError("expected a signal, such as TERM, SIGHUP or 9") }
        return number
    }

    func run() async throws {
        try await forEach(containers, storage) { [signal] all, container in
            try all.signal(container, signal)
            return nil
        }
    }
}

/// `starling rm`.
struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove containers that have ended, with all that they have written.",
        discussion: """
            Examples:
              starling rm web
              starling rm -f $(starling ps -aq)
            """)

    @OptionGroup var storage: StoreArguments

    @Flag(name: .shortAndLong, help: "Kill those that run first.")
    var force = false

    @Flag(name: [.customShort("v"), .customLong("volumes")], help: "Accepted: volumes without a name always go with their container.")
    var volumes = false

    @Argument(help: "Names or ids.")
    var containers: [String]

    func run() async throws {
        try await forEach(containers, storage) { [force] all, container in
            try all.remove(container, force: force)
            return nil
        }
    }
}

/// `starling wait`.
struct Wait: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until containers have ended, and print their exit statuses.",
        discussion: """
            Examples:
              starling wait job
            """)

    @OptionGroup var storage: StoreArguments

    @Argument(help: "Names or ids.")
    var containers: [String]

    func run() async throws {
        try await forEach(containers, storage) { all, container in "\(try all.exitStatus(of: container))" }
    }
}
