internal import HostSystem
internal import OCI

/// What a runtime says in its log when it could not start the container; it has printed the same line on standard error.
struct RuntimeFailure: Equatable {
    /// 127 not found, 126 not executable, 125 anything else, as docker maps them.
    let exitStatus: Int32

    private struct Line: Decodable {
        let level: String?
        let msg: String?
    }

    /// Reads a runtime's log; nil when nothing went wrong.
    init?(logFile path: String) {
        // No log is no error.
        self.init(log: (try? Files.read(path, limit: 1 << 20)) ?? [])
    }

    /// Reads a log of JSON lines; nil when it holds no error, and then the exit status is the container's.
    init?(log: [UInt8]) {
        let messages = log.split(separator: UInt8(ascii: "\n")).compactMap { line -> String? in
            // A line that is no JSON is none of the runtime's own.
            guard let line = try? Documents.decode(Line.self, from: Array(line), what: "runtime log"), line.level == "error" else {
                return nil
            }
            return line.msg
        }
        guard let message = messages.last else { return nil }
        exitStatus = RuntimeFailure.status(message)
    }

    /// `exec: "x": executable file not found in $PATH` (runc), `executable file `x` not found` (crun), and their like.
    private static func status(_ message: String) -> Int32 {
        let isAboutProgram = message.contains("exec") || message.contains("open executable")
        guard isAboutProgram else { return 125 }
        if message.contains("not found") || message.contains("no such file or directory") || message.contains("No such file") { return 127 }
        if message.contains("ermission denied") || message.contains("is a directory") || message.contains("exec format error") {
            return 126
        }
        return 125
    }
}
