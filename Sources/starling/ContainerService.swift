import ContainerRun
import Digests
import HostSystem
import OCI
import Threads

/// Serves a container from the opening of its image to its end.
struct ContainerService {
    /// How the image is opened.
    let run: Run
    let container: Container
    let signals: SignalForwarder
    /// Whether whoever started this process waits for the program to run, and goes away then.
    let isBackground: Bool

    /// Runs the container and returns its exit status.
    func run(_ reference: Reference, _ settings: ContainerSettings) async throws -> Int32 {
        let trace = try run.tracing.recorder()
        let command = RunImage.Command(entrypoint: settings.entrypoint, arguments: settings.command)
        let purpose = OpeningArguments.Purpose(
            directory: container.lazyDirectory, completes: run.backgroundFetch, usesProfile: run.profile, trace: trace, start: command)
        let status: Int32
        do {
            status = try await run.opening.withImage(reference, for: purpose, signals: signals) { prepared in
                let image = Container.RootFileSystem(
                    config: prepared.config, digest: prepared.digest.description, lowerDirectories: prepared.lowerDirectories)
                let status = try await BlockingTask.run { [container, signals, isBackground] in
                    guard isBackground else { return try container.run(image, settings, signals: signals, trace: trace) }
                    return try container.run(image, settings, signals: signals) { try Background.ready() }
                }
                if let trace { try await run.tracing.write(trace, of: prepared, image: reference.description, command) }
                return status
            }
        } catch {
            // The first failure is the one to tell; what stays is reaped by the next command.
            try? container.end()
            throw error
        }
        try await BlockingTask.run { [container] in try container.end() }
        return status
    }
}

/// A command whose mounts are nobody else's: its process gets a mount namespace of its own before anything else.
protocol UsesPrivateMounts {
    /// Whether this call mounts anything.
    var mounts: Bool { get }
}

extension UsesPrivateMounts {
    var mounts: Bool { true }
}
