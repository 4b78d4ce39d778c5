internal import Glibc

/// Runs a program to its end and keeps what it printed.
public enum Program {
    /// Goes on as another program, in the same process and with the same open streams.
    ///
    /// - Parameters:
    ///   - path: of the program.
    ///   - name: what it is called by, its argument 0.
    public static func become(_ path: String, name: String, _ arguments: [String]) throws(HostError) -> Never {
        let words = CStringArray([name] + arguments)
        execv(path, words.pointers)
        throw .last("start", path)
    }

    /// What a program did.
    public struct Result: Sendable {
        /// Exit code, or 128 + signal.
        public let status: Int32
        /// Standard output.
        public let output: [UInt8]
        /// Standard error.
        public let error: [UInt8]

        /// Standard output as text.
        public var outputText: String { String(decoding: output, as: UTF8.self) }
        /// Standard error as text.
        public var errorText: String { String(decoding: error, as: UTF8.self) }
    }

    /// Bound on what is kept of each stream: 16 MiB; what comes after is read and dropped, so that the program goes on.
    public static let captureLimit = 16 << 20

    /// Bytes that a pipe holds (pipe(7)): so much of an input needs nobody who writes while the program runs.
    static let inputLimit = 64 << 10

    /// Runs a program.
    ///
    /// - Parameters:
    ///   - input: standard input, at most 64 KiB; empty unless said otherwise.
    ///   - hiddenDirectory: as of `ChildProcess.Options`.
    ///   - deadline: the program is killed after that time and `.deadline` thrown.
    ///   - isWanted: asked several times a second while it prints; false is as if the time were over.
    public static func run(
        _ program: String, _ arguments: [String], input: [UInt8] = [], environment: [String]? = nil, workingDirectory: String? = nil,
        hiddenDirectory: String? = nil, deadline: Duration = .seconds(60), isWanted: () -> Bool = { true }
    ) throws(HostError) -> Result {
        let reader = input.isEmpty ? nil : try filledPipe(input, program)
        defer { if let reader { close(reader) } }
        var output = try Capture()
        var error = try Capture()
        let child = try ChildProcess(
            program, arguments,
            ChildProcess.Options(
                environment: environment, workingDirectory: workingDirectory, input: reader.map { .descriptor($0) } ?? .null,
                output: .descriptor(output.writer), error: .descriptor(error.writer), hiddenDirectory: hiddenDirectory))
        output.closeWriter()
        error.closeWriter()
        let end = ContinuousClock.now + deadline
        while output.isOpen || error.isOpen {
            guard ContinuousClock.now < end, isWanted() else { throw expired(child, deadline) }
            var descriptors = [output.poll, error.poll]
            // A tick at most: the deadline is looked at again.
            guard poll(&descriptors, 2, 100) >= 0 || errno == EINTR else { throw .last("read the output of", program) }
            if descriptors[0].revents != 0 { try output.readSome(program) }
            if descriptors[1].revents != 0 { try error.readSome(program) }
            // A grandchild may hold the pipes open; the program's own end is what counts.
            if descriptors.allSatisfy({ $0.revents == 0 }), try child.wait(for: .zero) != nil { break }
        }
        guard let status = try child.wait(for: max(.zero, end - .now)) else { throw expired(child, deadline) }
        return Result(status: status, output: output.bytes, error: error.bytes)
    }

    /// The reading end of a pipe that holds all of an input.
    private static func filledPipe(_ input: [UInt8], _ program: String) throws(HostError) -> Int32 {
        guard input.count <= inputLimit else { throw .tooLarge(path: "input of \(program)", limit: inputLimit) }
        let (reader, writer) = try Pipe.make()
        defer { close(writer) }
        do throws(HostError) {
            try FileDescriptors.write(input, to: writer, path: program)
        } catch {
            close(reader)
            throw error
        }
        return reader
    }

    private static func expired(_ child: ChildProcess, _ deadline: Duration) -> HostError {
        child.kill(SIGKILL)
        return .deadline(program: child.program, seconds: Double(deadline.components.seconds))
    }
}

/// The reading half of a pipe and what came out of it.
private struct Capture: ~Copyable {
    private var reader: Int32
    private(set) var writer: Int32
    private(set) var bytes: [UInt8] = []

    init() throws(HostError) { (reader, writer) = try Pipe.make() }

    deinit {
        if reader >= 0 { close(reader) }
        if writer >= 0 { close(writer) }
    }

    var isOpen: Bool { reader >= 0 }
    /// poll(2) skips a negative descriptor.
    var poll: pollfd { pollfd(fd: reader, events: Int16(POLLIN), revents: 0) }

    mutating func closeWriter() {
        close(writer)
        writer = -1
    }

    mutating func readSome(_ program: String) throws(HostError) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(reader, &buffer, buffer.count)
        if count < 0, errno == EINTR { return }
        guard count >= 0 else { throw .last("read the output of", program) }
        if count == 0 {
            close(reader)
            reader = -1
        } else {
            bytes += buffer[..<min(count, Program.captureLimit - bytes.count)]
        }
    }
}
