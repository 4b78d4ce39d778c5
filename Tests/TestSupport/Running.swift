import Glibc
public import HostSystem

/// Runs a program and fails unless it ends with 0 in time.
@discardableResult
public func run(
    _ program: String, _ arguments: [String], environment: [String]? = nil, workingDirectory: String? = nil,
    deadline: Duration = .seconds(60)
) throws -> Program.Result {
    let result = try Program.run(
        try requireProgram(program), arguments, environment: environment, workingDirectory: workingDirectory, deadline: deadline)
    guard result.status == 0 else {
        throw TestFailure("\(program) \(arguments.joined(separator: " ")) ended with \(result.status): \(result.errorText.suffix(2000))")
    }
    return result
}

/// A program that runs while the test goes on; what it prints goes to files.
public final class RunningProgram: Sendable {
    private let process: ChildProcess
    private let directory: TemporaryDirectory

    /// Starts a program with empty standard input.
    public init(_ program: String, _ arguments: [String], environment: [String]? = nil) throws {
        directory = try TemporaryDirectory(prefix: "starling-program-")
        let output = open(directory.path + "/out", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        let error = open(directory.path + "/err", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer {
            close(output)
            close(error)
        }
        guard output >= 0, error >= 0 else { throw HostError.last("open files in", directory.path) }
        process = try ChildProcess(
            program, arguments,
            ChildProcess.Options(
                environment: environment, input: .null, output: .descriptor(output), error: .descriptor(error), newProcessGroup: true))
        Guardian.shared.add(process.processID)
    }

    deinit {
        process.kill(SIGKILL)
        Guardian.shared.remove(process.processID)
    }

    /// Process id.
    public var processID: Int32 { process.processID }
    /// What it has printed on standard output so far.
    public var output: String { text("out") }
    /// What it has printed on standard error so far.
    public var error: String { text("err") }

    /// Whether it has ended.
    public var hasEnded: Bool { process.hasEnded() }

    /// Sends a signal.
    public func kill(_ signal: Int32) { process.kill(signal) }

    /// Waits for its end and returns its exit status; later than `deadline` is a failure.
    public func wait(deadline: Duration = .seconds(30)) throws -> Int32 {
        guard let status = try process.wait(for: deadline) else {
            throw TestFailure("\(process.program) still runs after \(deadline); it said: \(error.suffix(2000))")
        }
        return status
    }

    private func text(_ name: String) -> String {
        // Not there yet is nothing printed yet.
        String(decoding: (try? Files.read(directory.path + "/" + name, limit: 64 << 20)) ?? [], as: UTF8.self)
    }
}
