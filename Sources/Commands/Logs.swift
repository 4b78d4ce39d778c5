import ArgumentParser
import ContainerRun
import HostSystem
import Threads

/// `starling logs CONTAINER`.
struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Print what a container in the background has written, each line where it was written to.",
        discussion: """
            The last 10 to 20 MiB are kept.

            Examples:
              starling logs web
              starling logs -f --tail 10 -t web
            """)

    @OptionGroup var storage: StoreArguments

    @Flag(name: [.customShort("f"), .customLong("follow")], help: "Go on with what comes, until the container ends.")
    var follows = false

    @Option(
        name: [.customShort("n"), .customLong("tail")], help: ArgumentHelp("The last lines only.", valueName: "n|all"), transform: Logs.tail
    )
    var tail: Int?

    @Flag(name: .shortAndLong, help: "Put the time before each line.")
    var timestamps = false

    @Argument(help: "Name or id.")
    var container: String

    private static func tail(_ text: String) throws -> Int {
        if text == "all" { return .max }
        guard let count = Int(text), count >= 0 else { throw ValidationError("expected a number of lines, or all") }
        return count
    }

    func run() async throws {
        var wishes = Containers.LogWishes()
        (wishes.tail, wishes.follows) = (tail == .max ? nil : tail, follows)
        try await BlockingTask.run { [wishes, container, storage, timestamps] in
            let all = try Containers(root: storage.rootDirectory)
            try all.readLog(of: try all.find(container), wishes) { stream, time, text in
                try Terminal.pass((timestamps ? time + " " : "") + text, isError: stream == .stderr)
            }
        }
    }
}
