import ContainerRun
import Digests
import HostSystem
import OCI
import StartTrace
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
        // In the background a start is always recorded: nobody knows before what will be asked.
        let recorder = isBackground ? TraceRecorder(limits: .kept) : try run.tracing.recorder()
        let command = RunImage.Command(settings)
        // A start that is to be recorded has its reads to itself.
        let purpose = OpeningArguments.Purpose(
            directory: container.lazyDirectory, completes: run.backgroundFetch, usesProfile: run.profile, trace: recorder, start: command,
            sharesMounts: isBackground || recorder == nil)
        let status: Int32
        do {
            status = try await run.opening.withImage(reference, for: purpose, signals: signals) { prepared in
                let image = Container.RootFileSystem(
                    config: prepared.config, digest: prepared.digest.description, lowerDirectories: prepared.lowerDirectories)
                let start = recorder.map { RecordedStart($0, image: reference.description, command, prepared) }
                return try await BlockingTask.run { [self] in
                    try isBackground ? runInBackground(image, settings, start) : runInForeground(image, settings, start)
                }
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

extension ContainerService {
    private func runInForeground(
        _ image: Container.RootFileSystem, _ settings: ContainerSettings, _ start: RecordedStart?
    ) throws -> Int32 {
        let status = try container.run(image, settings, signals: signals, trace: start?.recorder)
        if let start { run.tracing.write(StartTimeline(start.record)) }
        return status
    }

    private func runInBackground(
        _ image: Container.RootFileSystem, _ settings: ContainerSettings, _ start: RecordedStart?
    ) throws -> Int32 {
        let end = try start?.keep(in: container)
        defer { end?() }
        return try container.run(image, settings, signals: signals, trace: start?.recorder) { try Background.ready() }
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
