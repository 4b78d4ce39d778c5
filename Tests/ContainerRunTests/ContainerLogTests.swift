import HostSystem
import OCI
import TestSupport
import Testing

@testable import ContainerRun

@Suite("The log of a container")
struct ContainerLogTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/log" }

    init() throws { directory = try TemporaryDirectory() }

    @Test("lines come back as they were written, each where it was written to, the last one without its end")
    func lines() throws {
        let log = try ContainerLog(path: path)
        let reader = try ContainerLogReader(path: path)
        #expect(try reader.next().isEmpty)
        try log.take(Array("one\ntw".utf8)[...], from: .stdout)
        try log.take(Array("err \"\\\u{1}\t\r\u{e9}\n".utf8)[...], from: .stderr)
        #expect(try reader.next().map(\.text) == ["one\n", "err \"\\\u{1}\t\r\u{e9}\n"])
        try log.take(Array("o\n\nrest".utf8)[...], from: .stdout)
        try log.finish()
        let last = try reader.next()
        #expect(last.map(\.text) == ["two\n", "\n", "rest"] && last.map(\.stream) == [.stdout, .stdout, .stdout])
        #expect(try reader.next().isEmpty)
    }

    @Test("a long line is cut, and bytes that are no text are shown as what they are not")
    func oddLines() throws {
        let log = try ContainerLog(path: path)
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: 2 * ContainerLog.longestLine + 5)
        try log.take((long + [UInt8(ascii: "\n"), 0xff, UInt8(ascii: "\n")])[...], from: .stdout)
        let texts = try ContainerLogReader(path: path).next().map(\.text)
        #expect(texts.map(\.utf8.count) == [ContainerLog.longestLine, ContainerLog.longestLine, 6, 4] && texts.last == "\u{fffd}\n")
    }

    @Test("the file is turned over before it is too large; who reads goes on with the next, and who comes later begins with the older one")
    func turns() throws {
        let log = try ContainerLog(path: path, limit: 2000)
        let reader = try ContainerLogReader(path: path)
        var seen: [String] = []
        for number in 0..<100 {
            try log.take(Array("line \(number)\n".utf8)[...], from: .stdout)
            if number % 3 == 0 { seen += try reader.next().map(\.text) }
        }
        while case let lines = try reader.next(), !lines.isEmpty { seen += lines.map(\.text) }
        #expect(seen == (0..<100).map { "line \($0)\n" })
        let later = try ContainerLogReader(path: path)
        var rest: [String] = []
        while case let lines = try later.next(), !lines.isEmpty { rest += lines.map(\.text) }
        #expect(rest.count > 20 && rest == Array(seen.suffix(rest.count)))
        for file in [path, path + ".1"] { #expect(try Files.read(file, limit: 1 << 20).count <= 2000) }
        #expect(try Files.entries(directory.path) == ["log", "log.1"])
    }

    @Test("a line of the file is JSON as docker writes it")
    func format() throws {
        let line = LogLine(stream: .stderr, time: Timestamp(nanoseconds: 1_764_385_200_000_000_007), text: "a\"\\\n\u{1}")
        let json = try Documents.decode(JSONValue.self, from: Array(line.bytes.dropLast()), what: "line")
        #expect(json["log"] == .string("a\"\\\n\u{1}") && json["stream"] == .string("stderr"))
        #expect(json["time"] == .string("2025-11-29T03:00:00.000000007Z"))
    }
}
