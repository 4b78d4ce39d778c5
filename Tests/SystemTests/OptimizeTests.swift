import HostSystem
import OCI
import TestSupport
import Testing

@Suite("starling optimize, with a real registry", .serialized)
struct OptimizeTests {
    private let stage: FetchStage

    private static let hello = ["--", "python3", "-c", #"print("hello")"#]

    init() throws { stage = try FetchStage() }

    private var root: String { stage.root }
    private var record: String { stage.directory.path + "/record.json" }

    private func optimize(_ arguments: [String]) throws -> Program.Result {
        try Starling.run(["optimize", "--mode", ModeUnderTest.name, "--root", root] + arguments)
    }

    @discardableResult
    private func succeed(_ arguments: [String]) throws -> Program.Result {
        let result = try optimize(arguments)
        guard result.status == 0 else { throw TestFailure("optimize ended with \(result.status): \(result.errorText)") }
        return result
    }

    private func recorded() throws -> [FileAccess] {
        try AccessRecord(parsing: String(decoding: Files.read(record, limit: 1 << 24), as: UTF8.self), path: record).accesses
    }

    @Test("what the workload reads comes first, and the next start waits for nothing else", arguments: ["plain", "lazy"])
    func workload(tag: String) throws {
        let source = "\(stage.fixture.registry.address)/\(SystemFixture.repository):\(tag)"
        let target = "\(stage.fixture.registry.address)/\(SystemFixture.repository):from-\(tag)"
        let result = try succeed(["--record-out", record, source, target] + Self.hello)
        #expect(result.outputText.hasPrefix("hello\nsha256:"), "\(result.outputText)")
        let accesses = try recorded()
        #expect(accesses.contains { $0.path.hasPrefix("usr/bin/python3") && $0.ranges != nil })
        #expect(accesses.contains { $0.path.contains("ld-linux") } && accesses.count < 200)
        try stage.expectNothingLeft()

        let started = try Starling.succeed(
            [
                "run", "--verbose", "--rm", "--no-background-fetch", "--mode", ModeUnderTest.name, "--root",
                stage.directory.path + "/other",
                stage.reference("from-\(tag)"), "python3", "-c", #"print("hello")"#,
            ])
        #expect(started.outputText == "hello\n")
        #expect(started.errorText.contains(" 0 reads waited"), "\(started.errorText)")
        #expect(try stage.proxy.bytesDown < stage.fixture.layerSize("lazy") / 10, "\(stage.proxy.bytesDown) bytes")
        try Starling.succeed(["check", stage.fixture.plain, target])
        try Starling.succeed(["verify", target])
    }

    @Test("a record is used in place of a run, as a whole or in parts, and says what a layer does not have")
    func recordIn() throws {
        let lines = #"{"path":"usr/bin/bash","ranges":[{"offset":8192,"size":4096}]}"# + "\n" + #"{"path":"no/such"}"# + "\n"
        try AtomicFile.write(Array(lines.utf8), to: record)
        let hasRanges = try ["parts", "whole"].map { name -> Bool in
            let target = "oci:\(stage.directory.path)/\(name)"
            try succeed(["--record-in", record] + (name == "whole" ? ["--whole-files"] : []) + [stage.fixture.plain, target])
            let listing = try run("sh", ["-c", "gzip -dc $(ls -S \(stage.directory.path)/\(name)/blobs/sha256/* | head -1) | tar -t"])
                .outputText
            let names = listing.split(separator: "\n").map(String.init)
            return names.prefix { $0 != ".prefetch.landmark" }.contains { $0.hasPrefix(".prefetch.ranges.") }
        }
        #expect(hasRanges == [true, false])
        try stage.expectNothingLeft()
    }

    @Test("without running anything: what the program names, as far as it goes, also of another platform", arguments: ["plain", "lazy"])
    func withoutRunning(tag: String) throws {
        let source = "\(stage.fixture.registry.address)/\(SystemFixture.repository):\(tag)"
        let result = try succeed(["--static", "--record-out", record, source, "--", "python3", "-c", "import json"])
        #expect(result.outputText.isEmpty)
        let paths = try recorded().map(\.path)
        for wanted in ["ld-linux", "libc.so.6", "bin/python3", "json/__pycache__/decoder", "__pycache__/re"] {
            #expect(paths.contains { $0.contains(wanted) }, "\(wanted)")
        }
        #expect(paths.count < 100 && Set(paths).count == paths.count)
        // A script, and what it calls.
        try succeed(["--static", "--record-out", record, source, "--", "/usr/bin/ldd"])
        let called = try recorded().map(\.path)
        #expect(
            called.contains("usr/bin/ldd") && called.contains { $0.hasSuffix("bin/bash") }
                && called.contains { $0.hasSuffix("bin/cat") || $0.hasSuffix("libtinfo.so.6.4") })
        try stage.expectNothingLeft()
    }

    @Test("a service is ended when it says that it is ready, or when its time is over; what it prints is passed on")
    func ends() throws {
        let script = "echo starting; sleep 0.2; echo now ready.; exec sleep 1000"
        let ready = try succeed(["--wait-on-line", "ready", "--record-out", record, stage.fixture.lazy, "--", "sh", "-c", script])
        #expect(ready.outputText == "starting\nnow ready.\n")
        #expect(try recorded().contains { $0.path.hasSuffix("bin/dash") })
        let period = try succeed(["--period", "0.5", "--record-out", record, stage.fixture.lazy, "--", "sleep", "1000"])
        #expect(period.errorText.contains("recorded"))
        try stage.expectNothingLeft()
    }

    @Test("the workload is run with docker's options, and with those of the reference's optimizer")
    func options() throws {
        let file = stage.directory.path + "/env"
        try AtomicFile.write(Array("B=file\n".utf8), to: file)
        let docker = [
            "-e", "A=option", "--env-file", file, "--tmpfs", "/memory", "--network", "none", "-u", "nobody", "-w", "/usr", "--entrypoint",
            "/bin/sh",
        ]
        let script = ["-c", "echo $A $B; id -un; pwd; grep -c ' /memory ' /proc/mounts"]
        let result = try succeed(["--record-out", record] + docker + [stage.fixture.lazy, "--"] + script)
        #expect(result.outputText == "option file\nnobody\n/usr\n1\n")
        let list = #"["-c", "pwd"]"#
        let reference = try succeed(["--record-out", record, "--cwd", "/etc", "--entrypoint", "sh", "--args", list, stage.fixture.lazy])
        #expect(reference.outputText == "/etc\n")
        #expect(try optimize(["--record-out", record, "--args", "x", stage.fixture.lazy]).errorText.contains("expected a JSON list"))
    }

    @Test("what cannot be is told in a line, and nothing is written")
    func refused() throws {
        let target = "oci:\(stage.directory.path)/out"
        let missing = try optimize([stage.fixture.lazy, target, "--", "no-such-program"])
        #expect(missing.status == 127 && missing.errorText.contains("no-such-program"), "\(missing.errorText)")
        let nothing = try optimize([stage.fixture.lazy])
        #expect(nothing.status == 64 && nothing.errorText.contains("--record-out"))
        try AtomicFile.write(Array("{}\n".utf8), to: record)
        let bad = try optimize(["--record-in", record, stage.fixture.lazy, target])
        #expect(bad.status == 1 && bad.errorText.contains("record.json:1"))
        #expect(!Files.exists(stage.directory.path + "/out"))
        try stage.expectNothingLeft()
    }
}
