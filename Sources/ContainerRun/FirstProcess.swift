internal import Glibc
internal import HostSystem

/// A container's first process, as /proc shows it.
struct FirstProcess {
    let processID: Int32
    private let status: String

    /// The process of a pid file; nil when it is not, or no longer, a child of the runtime.
    init?(pidFile: String, parent: Int32) {
        guard let id = FirstProcess.id(in: pidFile),
            let status = try? Files.read("/proc/\(id)/status", limit: 64 << 10)
        else { return nil }
        self.init(processID: id, status: String(decoding: status, as: UTF8.self))
        guard field("PPid") == String(parent) else { return nil }
    }

    /// What a runtime has written into a pid file; nil before it has.
    static func id(in pidFile: String) -> Int32? {
        (try? Files.read(pidFile, limit: 32)).flatMap { Int32(String(decoding: $0, as: UTF8.self)) }
    }

    init(processID: Int32, status: String) {
        self.processID = processID
        self.status = status
    }

    /// Whether the signal has its default action there, which the kernel does not do for the first process of a namespace.
    ///
    /// A blocked signal is waited for by other means, an ignored one is not wanted (proc_pid_status(5)).
    func discards(_ signal: Int32) -> Bool {
        ["SigCgt", "SigIgn", "SigBlk"].allSatisfy { name in
            guard let mask = field(name).flatMap({ UInt64($0, radix: 16) }) else { return false }
            return mask >> UInt64(signal - 1) & 1 == 0
        }
    }

    /// Whether the runtime has not become the program yet, by the names that runc and crun have until then.
    var isRuntime: Bool { field("Name").map { $0.hasPrefix("runc:[") || $0 == "crun" } ?? true }

    private func field(_ name: String) -> String? {
        status.split(separator: "\n").first { $0.hasPrefix(name + ":") }.map {
            $0.dropFirst(name.utf8.count + 1).drop(while: \.isWhitespace).description
        }
    }
}
