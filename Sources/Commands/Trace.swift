import ArgumentParser
import ContainerRun
import HostSystem
import StartTrace

/// `starling trace CONTAINER [FILE]`.
struct Trace: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Tell how a container in the background has started: where the time went, and which reads waited for what.",
        discussion: """
            The start of such a container is always recorded, and kept with it. Without a file the most important is printed; a file is a page
            to look at (.html) or Chrome's trace format for Perfetto (.json). (`starling run --trace` does the same in the foreground.)

            Examples:
              starling run -d --name web 127.0.0.1:5000/nginx:1-esgz
              starling trace web
              starling trace web start.html
            """)

    @OptionGroup var storage: StoreArguments

    @Argument(help: "Name or id.")
    var container: String

    @Argument(help: ArgumentHelp("The file that is written.", valueName: "file"))
    var file: String?

    func validate() throws {
        guard let file, TraceForm(path: file) == nil else { return }
        throw ValidationError("\(file): the file's name must end in .html or .json")
    }

    func run() throws {
        let containers = try Containers(root: storage.rootDirectory)
        guard let bytes = try containers.startRecord(of: containers.find(container)) else { throw NoStart(container: container) }
        let timeline = StartTimeline(try StartRecord(encoded: bytes))
        guard let file else { return try Terminal.pass(WhyReport.text(timeline), isError: false) }
        try TraceForm(path: file)?.write(timeline, to: file)
    }

    private struct NoStart: Error, CustomStringConvertible {
        let container: String
        var description: String {
            "nothing is kept of how \(container) started: it has just been started, or ran in the foreground (then `starling run --trace` tells)"
        }
    }
}
