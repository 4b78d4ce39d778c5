internal import Glibc
internal import HostSystem

/// What a container has written, a line of JSON for each of its lines, as docker's json-file has it; bounded by turning the file over.
///
///     {"log":"hello\n","stream":"stdout","time":"2026-11-29T03:00:00.123456789Z"}
///
/// One thread at a time.
final class ContainerLog {
    private let path: String
    private let limit: Int
    private var descriptor: Int32
    private var size: Int
    private var unfinished: [ContainerOutput: [UInt8]] = [:]

    /// A file may grow to 10 MiB, and one older is kept, so a container takes at most twice that.
    static let usualLimit = 10 << 20
    /// A line that is longer is cut, as docker does it.
    static let longestLine = 16 << 10

    init(path: String, limit: Int = ContainerLog.usualLimit) throws(HostError) {
        self.path = path
        self.limit = limit
        descriptor = try ContainerLog.open(path)
        var facts = stat()
        size = fstat(descriptor, &facts) == 0 ? Int(facts.st_size) : 0
    }

    deinit { close(descriptor) }

    private static func open(_ path: String) throws(HostError) -> Int32 {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .last("open", path) }
        return descriptor
    }

    /// Takes what has come from a stream; lines are written when they are whole.
    func take(_ bytes: ArraySlice<UInt8>, from stream: ContainerOutput) throws(HostError) {
        let pending = (unfinished[stream] ?? []) + bytes
        var rest = pending[...]
        var lines: [UInt8] = []
        while let cut = ContainerLog.lineLength(rest) {
            lines += LogLine(stream: stream, time: .now, text: String(decoding: rest.prefix(cut), as: UTF8.self)).bytes
            rest = rest.dropFirst(cut)
        }
        unfinished[stream] = Array(rest)
        try write(lines)
    }

    private static func lineLength(_ bytes: ArraySlice<UInt8>) -> Int? {
        let window = bytes.prefix(longestLine)
        if let end = window.firstIndex(of: UInt8(ascii: "\n")) { return end - bytes.startIndex + 1 }
        return window.count == longestLine ? longestLine : nil
    }

    /// Writes what is left without a line's end.
    func finish() throws(HostError) {
        for (stream, rest) in unfinished where !rest.isEmpty {
            try write(LogLine(stream: stream, time: .now, text: String(decoding: rest, as: UTF8.self)).bytes)
        }
        unfinished = [:]
    }

    private func write(_ lines: [UInt8]) throws(HostError) {
        guard !lines.isEmpty else { return }
        if size > 0, size + lines.count > limit { try turnOver() }
        try FileDescriptors.write(lines, to: descriptor, path: path)
        size += lines.count
    }

    private func turnOver() throws(HostError) {
        try Files.move(path, to: path + ".1")
        let next = try ContainerLog.open(path)
        close(descriptor)
        (descriptor, size) = (next, 0)
    }
}

/// Where a container writes.
public enum ContainerOutput: String, Sendable, CaseIterable {
    /// Standard output; all of a terminal.
    case stdout
    /// Standard error.
    case stderr
}

/// A line of a log.
public struct LogLine: Equatable, Sendable {
    /// Where it was written.
    public let stream: ContainerOutput
    /// When it came.
    public let time: Timestamp
    /// What was written, with the line's end if it had one.
    public let text: String

    /// The line as it stands in the file. By hand, for a container may write a hundred thousand a second.
    var bytes: [UInt8] {
        var result = Array("{\"log\":\"".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): result += Array("\\n".utf8)
            case UInt8(ascii: "\r"): result += Array("\\r".utf8)
            case UInt8(ascii: "\t"): result += Array("\\t".utf8)
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                result += Array(("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits).utf8)
            default: result.append(byte)
            }
        }
        return result + Array("\",\"stream\":\"\(stream.rawValue)\",\"time\":\"\(time)\"}\n".utf8)
    }
}
