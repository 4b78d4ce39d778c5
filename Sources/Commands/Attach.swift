import ArgumentParser
import ContainerRun
import HostSystem
import Threads

/// `starling attach CONTAINER`.
struct Attach: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Show what a container in the background writes from now on, and type into it.",
        discussion: """
            Signals go to the container, and its exit status is the command's. Ctrl-P Ctrl-Q leaves it alone.

            Examples:
              starling run -dit --name shell 127.0.0.1:5000/debian:12-esgz bash
              starling attach shell
            """)

    @OptionGroup var storage: StoreArguments

    @Flag(name: .customLong("no-stdin"), help: "Only look.")
    var onlyLooks = false

    @Argument(help: "Name or id.")
    var container: String

    func run() async throws {
        let signals = try SignalForwarder()
        let end = try await BlockingTask.run { [container, storage, onlyLooks] in
            let all = try Containers(root: storage.rootDirectory)
            return try all.attach(try all.find(container), readsInput: !onlyLooks, signals: signals)
        }
        if case .ended(let status) = end { throw ExitCode(status) }
    }
}
