import ArgumentParser
import Glibc
import HostSystem
import StartTrace

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

    /// Whether anything is to be recorded.
    var isWanted: Bool { trace != nil || why }

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
        return isWanted ? TraceRecorder() : nil
    }

    /// Writes what was recorded; what cannot be written is said, and is no failure of the container. Blocks.
    func write(_ timeline: StartTimeline) {
        if let trace {
            do {
                try TraceForm(path: trace)?.write(timeline, to: trace)
            } catch {
                Terminal.say("the trace: \(error)")
            }
        }
        if why { Terminal.show(WhyReport.text(timeline)) }
    }
}

/// How a record is written, by the ending of the file's name.
enum TraceForm {
    case page, chrome

    init?(path: String) {
        if path.hasSuffix(".html") { self = .page } else if path.hasSuffix(".json") { self = .chrome } else { return nil }
    }

    func write(_ timeline: StartTimeline, to path: String) throws {
        let bytes =
            switch self {
            case .page: try TracePage.write(timeline)
            case .chrome: try ChromeTrace.write(timeline)
            }
        try AtomicFile.write(bytes, to: path, mode: 0o644)
    }
}
