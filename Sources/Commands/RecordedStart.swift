import ContainerRun
import Digests
import HostSystem
import LazyFS
import OCI
import StartTrace
import Threads

/// A start that is being recorded: the recorder, and what its events are about.
final class RecordedStart: Sendable {
    let recorder: TraceRecorder
    private let image: String
    private let command: RunImage.Command
    private let prepared: RunImage.Prepared

    /// When the record of a container in the background is written, after its beginning; and at its end.
    private static let writings: [Duration] = [.seconds(1), .seconds(3), .seconds(10), .seconds(30), .seconds(100)]

    /// - Parameters:
    ///   - image: its full reference.
    ///   - command: what was said of the program.
    init(_ recorder: TraceRecorder, image: String, _ command: RunImage.Command, _ prepared: RunImage.Prepared) {
        (self.recorder, self.image, self.command, self.prepared) = (recorder, image, command, prepared)
    }

    /// What is known of it now. Looks at the layers' trees: some milliseconds.
    var record: StartRecord {
        var events = recorder.events
        var layers = prepared.descriptors.map { TraceLayer(digest: $0.digest.description, size: UInt64(max(0, $0.size))) }
        for opened in prepared.lazy {
            let layer = TracedLayer(opened)
            let facts = layer.facts
            layer.name(&events.reads)
            for place in layers.indices where layers[place].digest == facts.digest { layers[place] = facts }
        }
        let execution = (prepared.config.config ?? ImageConfig.Execution()).replacing(entrypoint: command.entrypoint)
        return StartRecord(
            image: image, command: execution.arguments(command: command.arguments), arguments: command.arguments,
            mode: "\(prepared.serving)", layers: layers, events: events)
    }

    /// Keeps the record in the container's directory, anew from time to time, until what it returns is called, which blocks.
    func keep(in container: Container) throws -> () -> Void {
        let timer = try TimerThread(name: "record")
        let write: @Sendable () -> Void = { [self] in
            // Without a record the container runs as well: whoever asks for it is told that there is none.
            try? container.keepStart(record.encoded())
        }
        for delay in RecordedStart.writings { timer.run(after: delay, write) }
        return {
            timer.shutdown()
            write()
        }
    }
}

extension TraceRecorder.Limits {
    /// What is kept of a container in the background.
    static var kept: TraceRecorder.Limits {
        var limits = TraceRecorder.Limits()
        (limits.reads, limits.requests, limits.spans) = (2_000, 1_000, 500)
        return limits
    }
}
