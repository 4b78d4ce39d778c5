internal import Glibc
internal import HostSystem

/// What the processes that miss have been started with: their command lines name scripts and modules that no file does. One thread.
///
/// Whoever runs in a container writes its own command line. It is only ever a guess of what will be read, within all the bounds of guesses.
struct ProcessStarts {
    /// Hashes of the command lines that were taken, by process; one that becomes another program gets another line.
    private var known: [Int32: Int] = [:]

    /// Processes that are looked at, at most, and bytes of a command line.
    private static let mostProcesses = 4096
    private static let longestLine = 64 << 10

    /// The start of a process; nil when it is known already, or nothing is to be seen, as of one of another process namespace, which is 0.
    mutating func start(of process: Int32) -> ProgramStart? {
        guard process > 0, known.count < ProcessStarts.mostProcesses || known[process] != nil,
            let line = try? Files.read("/proc/\(process)/cmdline", limit: ProcessStarts.longestLine), !line.isEmpty,
            known.updateValue(line.hashValue, forKey: process) != line.hashValue
        else { return nil }
        let words = line.split(separator: 0, omittingEmptySubsequences: false).dropLast().map { String(decoding: $0, as: UTF8.self) }
        guard let program = words.first, !program.isEmpty else { return nil }
        return ProgramStart(
            program: program, arguments: Array(words.dropFirst()), directories: ProgramStart.usualDirectories,
            workingDirectory: (try? Files.link("/proc/\(process)/cwd")) ?? "/")
    }
}
