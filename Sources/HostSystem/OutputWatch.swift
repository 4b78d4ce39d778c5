internal import Glibc
internal import Synchronization
internal import Threads

/// Passes this process's standard output on and tells when a line of it holds a text. Children that are started meanwhile write through it.
public final class OutputWatch: Sendable {
    private let original: Int32
    private let thread: NativeThread
    private let hasEnded = Atomic<Bool>(false)

    /// Bytes of a line that are looked at; a longer line is looked at in parts.
    private static let longestLine = 64 << 10

    /// - Parameter action: called once, from another thread.
    public init(_ text: String, action: @escaping @Sendable () -> Void) throws {
        let (reader, writer) = try Pipe.make("(standard output)")
        let original = fcntl(1, F_DUPFD_CLOEXEC, 3)
        guard original >= 0, dup2(writer, 1) == 1 else {
            let error = HostError.last("replace", "(standard output)")
            for descriptor in [reader, writer] { close(descriptor) }
            throw error
        }
        close(writer)
        self.original = original
        thread = try NativeThread.start(name: "output") {
            OutputWatch.pass(from: reader, to: original, until: Array(text.utf8), action)
            close(reader)
        }
    }

    /// Standard output is again what it was. Waits until what was written has gone out.
    public func end() {
        guard !hasEnded.exchange(true, ordering: .relaxed) else { return }
        dup2(original, 1)
        thread.join()
        close(original)
    }

    private static func pass(from reader: Int32, to writer: Int32, until text: [UInt8], _ action: () -> Void) {
        var buffer = [UInt8](repeating: 0, count: longestLine)
        var line: [UInt8] = []
        var isFound = false
        while true {
            let count = read(reader, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            // Nobody who reads any more is no reason to stop the program.
            _ = buffer.withUnsafeBytes { write(writer, $0.baseAddress, count) }
            for byte in buffer[..<count] where !isFound {
                if byte != UInt8(ascii: "\n"), line.count < longestLine { line.append(byte) } else { line = [] }
                // Also before the line ends: a prompt is ready, too.
                guard byte == text.last, line.count >= text.count, line.suffix(text.count).elementsEqual(text) else { continue }
                isFound = true
                action()
            }
        }
    }
}
