import ArgumentParser
import Digests
import Glibc
import HostSystem
import LazyFS
import OCI
import StartTrace
import Threads

/// What is to be recorded of a start, and where it goes.
struct TraceArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Record the start and write it to a file: a page to look at (.html), or Chrome's trace format for Perfetto (.json).",
            valueName: "file"))
    var trace: String?

    @Flag(help: "Say at the end which reads cost most, and what they waited for.")
    var why = false

    func validate() throws {
        guard let trace, TraceForm(path: trace) == nil else { return }
        throw ValidationError("--trace \(trace): the file's name must end in .html or .json")
    }

    /// A recorder, when one is wanted.
    ///
    /// - Throws: `HostError` when the file could not be written in the end.
    func recorder() throws -> TraceRecorder? {
        if let trace {
            let directory = Paths.parent(of: trace)
            guard Files.isDirectory(directory.isEmpty ? "." : directory) else {
                throw HostError.call(operation: "write", path: trace, code: ENOENT)
            }
        }
        return trace != nil || why ? TraceRecorder() : nil
    }

    /// Writes what was recorded; what cannot be written is said, and is no failure of the container.
    func write(
        _ recorder: TraceRecorder, of prepared: RunImage.Prepared, image: String, _ command: RunImage.Command
    ) async throws {
        let record = await TraceArguments.record(recorder, prepared, image, command)
        let timeline = StartTimeline(record)
        if let trace, let form = TraceForm(path: trace) {
            do {
                let bytes = try form.write(timeline)
                try await BlockingTask.run { try AtomicFile.write(bytes, to: trace, mode: 0o644) }
            } catch {
                Terminal.say("the trace: \(error)")
            }
        }
        if why { Terminal.show(WhyReport.text(timeline)) }
    }

    private static func record(
        _ recorder: TraceRecorder, _ prepared: RunImage.Prepared, _ image: String, _ command: RunImage.Command
    ) async -> StartRecord {
        var events = recorder.events
        var layers = prepared.descriptors.map { TraceLayer(digest: $0.digest.description, size: UInt64(max(0, $0.size))) }
        for opened in prepared.lazy {
            let layer = TracedLayer(opened)
            let facts = layer.facts
            layer.name(&events.reads)
            for place in layers.indices where layers[place].digest == facts.digest { layers[place] = facts }
        }
        let execution = (prepared.config.config ?? ImageConfig.Execution()).replacing(entrypoint: command.entrypoint)
        let words = execution.arguments(command: command.arguments)
        return StartRecord(
            image: image, command: words, arguments: command.arguments, mode: "\(prepared.serving)", layers: layers, events: events)
    }
}

/// How a record is written, by the ending of the file's name.
enum TraceForm {
    case page, chrome

    init?(path: String) {
        if path.hasSuffix(".html") { self = .page } else if path.hasSuffix(".json") { self = .chrome } else { return nil }
    }

    func write(_ timeline: StartTimeline) throws -> [UInt8] {
        switch self {
        case .page: try TracePage.write(timeline)
        case .chrome: try ChromeTrace.write(timeline)
        }
    }
}
