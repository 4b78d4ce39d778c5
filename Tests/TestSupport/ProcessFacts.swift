import HostSystem

/// What a process uses, as the kernel counts it.
public enum ProcessFacts {
    /// Threads of the test's own process now; 0 when it cannot be told.
    public static var threads: Int { (try? Files.entries("/proc/self/task").count) ?? 0 }
    /// Open descriptors of the test's own process now; 0 when it cannot be told.
    public static var descriptors: Int { (try? Files.entries("/proc/self/fd").count) ?? 0 }

    /// What another process uses at one moment, or at its worst.
    public struct Usage: Equatable, Sendable, CustomStringConvertible {
        /// Threads.
        public var threads: Int
        /// Open descriptors.
        public var descriptors: Int
        /// Bytes of memory that are its own, and not a file's.
        public var memory: Int

        /// So many of each.
        public init(threads: Int, descriptors: Int, memory: Int) {
            self.threads = threads
            self.descriptors = descriptors
            self.memory = memory
        }

        /// One line.
        public var description: String { "\(threads) threads, \(descriptors) descriptors, \(memory >> 20) MiB" }

        /// The larger of each.
        public mutating func raise(to other: Usage) {
            threads = max(threads, other.threads)
            descriptors = max(descriptors, other.descriptors)
            memory = max(memory, other.memory)
        }
    }

    /// What a process uses now.
    public static func usage(of process: Int32) throws -> Usage {
        let status = String(decoding: try Files.read("/proc/\(process)/status", limit: 1 << 20), as: UTF8.self)
        func number(_ name: String) throws -> Int {
            let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
            guard let number = line?.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Int($0) }) else {
                throw TestFailure("no \(name) in the status of process \(process)")
            }
            return number
        }
        return Usage(
            threads: try number("Threads"), descriptors: try Files.entries("/proc/\(process)/fd").count,
            memory: try number("RssAnon") << 10)
    }

    /// Time that a process has computed so far, in hundredths of a second.
    public static func computed(by process: Int32) throws -> Int {
        let text = String(decoding: try Files.read("/proc/\(process)/stat", limit: 1 << 16), as: UTF8.self)
        // Behind the name, which may hold anything: utime and stime are fields 14 and 15 of proc(5).
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        guard fields.count > 13, let user = Int(fields[12]), let system = Int(fields[13]) else {
            throw TestFailure("the state of process \(process) cannot be read: \(text)")
        }
        return user + system
    }
}
