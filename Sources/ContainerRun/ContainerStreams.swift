internal import Glibc
internal import HostSystem
internal import StartTrace
internal import Threads

/// The standard streams of a container in the background: pipes, or a terminal, whose other ends a thread reads into the log and gives to those
/// who are attached; what they type goes the other way.
///
///     container ──stdout, stderr (or terminal)──▶ StreamLoop ──▶ log, each attached client
///     container ◀──────────── stdin (or terminal) ── StreamLoop ◀── attached clients
final class ContainerStreams: Sendable {
    /// What the container's runtime is to be started with.
    let input: ChildProcess.Stream
    let output: ChildProcess.Stream
    let error: ChildProcess.Stream
    private let theirs: [Int32]
    private let loop: StreamLoop
    private let thread: NativeThread

    /// Opens the streams and begins to serve them, and those who connect to `socket`.
    ///
    /// - Parameters:
    ///   - trace: who takes down when something is written first; nil for nobody.
    ///   - onResize: called when the terminal has got another size.
    init(
        terminal: Bool, readsInput: Bool, log: consuming ContainerLog, socket: String, trace: TraceRecorder?,
        onResize: @escaping @Sendable (ConsoleSize) -> Void
    ) throws {
        let listener = try UnixSocket.listen(at: socket, .packets)
        let ends: StreamEnds
        do throws(HostError) {
            ends = try terminal ? StreamEnds.terminal() : StreamEnds.pipes(readsInput: readsInput)
        } catch {
            close(listener)
            throw error
        }
        input = ends.input.map { .descriptor($0) } ?? .null
        (output, error) = (.descriptor(ends.output), .descriptor(ends.error))
        theirs = Array(Set([ends.input, ends.output, ends.error].compactMap { $0 }))
        let loop = try StreamLoop(ends, listener: listener, log: log, trace: trace, onResize: onResize)
        self.loop = loop
        thread = try NativeThread.start(name: "streams") { loop.run() }
    }

    /// The runtime has its own copies now; with ours open, nobody would see the container's end.
    func started() { theirs.forEach { close($0) } }

    /// Reads what is still on the way, ends the attached clients, closes everything. Once, and also when nothing was started.
    func finish() {
        loop.end()
        thread.join()
    }
}

/// Both ends of a container's standard streams.
struct StreamEnds {
    /// The container's ends; no input is /dev/null.
    var input: Int32?
    var output: Int32
    var error: Int32
    /// Ours: what is read, and what is written to.
    var sources: [(descriptor: Int32, stream: ContainerOutput)]
    var sink: Int32?
    var isTerminal = false

    static func terminal() throws(HostError) -> StreamEnds {
        let (master, slave) = try PseudoTerminal.open()
        // Until somebody who is attached says better: programs divide by it.
        PseudoTerminal.setSize(of: master, rows: ConsoleSize.usual.rows, columns: ConsoleSize.usual.columns)
        return StreamEnds(input: slave, output: slave, error: slave, sources: [(master, .stdout)], sink: master, isTerminal: true)
    }

    static func pipes(readsInput: Bool) throws(HostError) -> StreamEnds {
        let (outputs, errors) = (try Pipe.make(), try Pipe.make())
        let inputs = readsInput ? try Pipe.make() : nil
        return StreamEnds(
            input: inputs?.reader, output: outputs.writer, error: errors.writer,
            sources: [(outputs.reader, .stdout), (errors.reader, .stderr)], sink: inputs?.writer)
    }
}
