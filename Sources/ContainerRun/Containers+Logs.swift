internal import Glibc
internal import HostSystem

extension Containers {
    /// Which lines of a log are wanted.
    public struct LogWishes: Sendable {
        /// The last ones only; nil for all.
        public var tail: Int?
        /// Whether those that come later are, too, until the container ends.
        public var follows = false

        /// All that are there.
        public init() {}
    }

    /// A log is looked at that often for what has come.
    private static let lookMicroseconds: useconds_t = 50_000

    /// Hands the lines of a container's log to `body`, in the order in which they came.
    ///
    /// - Parameter isWanted: asked now and then while lines are waited for.
    /// - Throws: `ContainerError.noLog`, `HostError`, or what `body` throws.
    public func readLog(
        of container: ContainerSummary, _ wishes: LogWishes, isWanted: () -> Bool = { true },
        _ body: (_ stream: ContainerOutput, _ time: String, _ text: String) throws -> Void
    ) throws {
        guard container.record.keepsLog else { throw ContainerError.noLog(container.displayName) }
        let reader = try ContainerLogReader(path: ContainerDirectory.logFile(path(container.record.id)))
        var first: [ContainerLogReader.Line] = []
        while case let lines = try reader.next(), !lines.isEmpty {
            first += lines
            // Whole logs are not kept for their ends.
            if let tail = wishes.tail { first = first.suffix(tail) } else { try hand(&first, body) }
        }
        try hand(&first, body)
        while wishes.follows, isWanted() {
            // Asked before the log is looked at: what was written until the end is there then.
            let hasEnded = try state(of: container)?.hasEnded ?? true
            var lines = try reader.next()
            if lines.isEmpty {
                guard !hasEnded else { return }
                usleep(Containers.lookMicroseconds)
            }
            try hand(&lines, body)
        }
    }

    private func hand(
        _ lines: inout [ContainerLogReader.Line], _ body: (ContainerOutput, String, String) throws -> Void
    ) throws {
        for line in lines { try body(line.stream, line.time, line.text) }
        lines = []
    }
}
