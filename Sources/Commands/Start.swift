import ArgumentParser
import ContainerRun
import Digests
import Glibc
import HostSystem
import OCI

/// `starling start CONTAINER…`.
struct Start: AsyncParsableCommand, UsesPrivateMounts {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Start containers again that have ended, in the background, with all that they had written.",
        discussion: """
            Examples:
              starling start web
            """)

    @OptionGroup var storage: StoreArguments

    /// Set for the process in the background.
    @Flag(help: .hidden)
    var serve = false

    @Argument(help: "Names or ids.")
    var containers: [String]

    func run() async throws {
        guard serve, let name = containers.first else {
            for name in containers {
                try Background.start(["start", "--serve", "--root", storage.rootDirectory, name])
                try Terminal.result(name)
            }
            return
        }
        throw ExitCode(try await serve(name))
    }

    private func serve(_ name: String) async throws -> Int32 {
        let signals = try SignalForwarder()
        let all = try Containers(root: storage.rootDirectory)
        let found = try all.find(name)
        let container = try all.restart(found)
        // A directory that is gone makes relative paths those of nothing, and the one that needs it says so.
        _ = chdir(found.record.directory)
        guard var run = try Starling.parseAsRoot(["run"] + found.record.arguments) as? Run else {
            throw ContainerError.noContainer(name)
        }
        // As it was: by the digest, when the name has come to mean another image.
        var reference = try Reference(parsing: found.record.image)
        let known = LocalImages(root: storage.rootDirectory).image(reference, run.opening.platform)?.descriptor.digest.description
        if known != found.record.imageDigest { reference = reference.at(try Digest(parsing: found.record.imageDigest)) }
        run.opening.pull = .missing
        run.opening.storage.root = storage.rootDirectory
        var settings = ContainerSettings(terminal: found.record.terminal)
        settings.readsInput = found.record.readsInput
        return try await ContainerService(run: run, container: container, signals: signals, isBackground: true).run(reference, settings)
    }
}
