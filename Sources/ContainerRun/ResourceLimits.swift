internal import OCI

/// What a container may take of the machine, by its control group. Nil is no limit.
public struct ResourceLimits: Equatable, Sendable {
    /// Bytes of memory. Of swap it may take as much again, as with docker.
    public var memoryBytes: UInt64?
    /// Processors, in fractions.
    public var processors: Double?
    /// Processes and threads.
    public var processes: Int64?

    /// No limits.
    public init() {}

    /// docker's smallest memory: with less a container does not get as far as its program.
    public static let smallestMemory: UInt64 = 6 << 20
    /// The scheduler's period in microseconds, the kernel's default.
    private static let period: Int64 = 100_000

    /// The runtime specification's "resources", without devices.
    func json(limitsSwap: Bool) -> [String: JSONValue] {
        var resources: [String: JSONValue] = [:]
        if let memoryBytes {
            var memory: [String: JSONValue] = ["limit": .integer(Int64(clamping: memoryBytes))]
            // The sum of both; only where the kernel counts swap.
            if limitsSwap { memory["swap"] = .integer(Int64(clamping: memoryBytes.multipliedReportingOverflow(by: 2).partialValue)) }
            resources["memory"] = .object(memory)
        }
        if let processors {
            resources["cpu"] = .object([
                "period": .integer(ResourceLimits.period), "quota": .integer(Int64(processors * Double(ResourceLimits.period))),
            ])
        }
        if let processes { resources["pids"] = .object(["limit": .integer(processes)]) }
        return resources
    }
}

/// One of setrlimit(2)'s limits of a container's processes.
public struct ProcessLimit: Equatable, Sendable {
    /// `RLIMIT_NOFILE` and its like.
    public let type: String
    /// What programs begin with.
    public let soft: Int64
    /// What they may raise it to.
    public let hard: Int64

    private static let names = [
        "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending",
        "stack",
    ]

    /// Parses docker's `name=soft[:hard]`; -1 and `unlimited` are no limit.
    public init(parsing text: String) throws(InvalidOption) {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, ProcessLimit.names.contains(parts[0]) else {
            throw InvalidOption(text: text, reason: "expected NAME=SOFT[:HARD], NAME one of \(ProcessLimit.names.joined(separator: ", "))")
        }
        let values = parts[1].split(separator: ":", omittingEmptySubsequences: false).map { ProcessLimit.value(String($0)) }
        guard values.count <= 2, let soft = values.first ?? nil, let hard = values.last ?? nil else {
            throw InvalidOption(text: text, reason: "a limit is a number, or unlimited")
        }
        guard soft <= hard else { throw InvalidOption(text: text, reason: "the soft limit is above the hard one") }
        type = "RLIMIT_" + parts[0].uppercased()
        self.soft = soft
        self.hard = hard
    }

    init(type: String, soft: Int64, hard: Int64) {
        self.type = type
        self.soft = soft
        self.hard = hard
    }

    // The kernel's "no limit", 2^64-1, is none of our documents' numbers; what none of these resources reaches comes to the same.
    private static func value(_ text: String) -> Int64? {
        if text == "unlimited" || text == "-1" { return .max }
        return Int64(text).flatMap { $0 >= 0 ? $0 : nil }
    }

    var json: JSONValue { .object(["type": .string(type), "soft": .integer(soft), "hard": .integer(hard)]) }
}
