import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("starling run, with a real registry and crun", .serialized)
struct RunTests {
    private let stage: FetchStage

    init() throws { stage = try FetchStage() }

    private var root: String { stage.root }

    private func arguments(_ tag: String, _ command: [String]) -> [String] {
        // What is fetched is what was read: nothing comes in the background.
        ["run", "--rm", "--no-background-fetch", "--mode", ModeUnderTest.name, "--root", root, stage.reference(tag)] + command
    }

    private func run(_ command: [String], tag: String = "lazy") throws -> Program.Result { try Starling.run(arguments(tag, command)) }

    private func expectNothingLeft() throws {
        try stage.expectNothingLeft()
        try waitUntil("no process is left") { try MachineState.processes(mentioning: root).isEmpty }
    }

    @Test("a container starts from a lazily mounted image with less than a third of the layer fetched")
    func lazy() throws {
        let result = try run(["python3", "-c", #"print("hello")"#])
        #expect(result.outputText == "hello\n", "\(result.errorText)")
        #expect(result.status == 0)
        let size = try stage.fixture.layerSize("lazy")
        #expect(stage.proxy.bytesDown > 0 && stage.proxy.bytesDown < size / 3, "\(stage.proxy.bytesDown) of \(size) bytes")
        let cold = stage.proxy.bytesDown
        let again = try run(["python3", "-c", #"print("hello")"#])
        #expect(again.outputText == "hello\n")
        #expect(stage.proxy.bytesDown - cold < size / 100, "the second run has what it needs: \(stage.proxy.bytesDown - cold) bytes")
        try expectNothingLeft()
    }

    @Test("an ordinary image runs too, after a full pull that is said in one line, and is not pulled again")
    func plain() throws {
        let result = try run(["python3", "-c", #"print("hello")"#], tag: "plain")
        #expect(result.outputText == "hello\n" && result.status == 0)
        #expect(result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
        let cold = stage.proxy.bytesDown
        #expect(try cold >= stage.fixture.layerSize("plain"))
        #expect(try run(["python3", "-c", #"print("hello")"#], tag: "plain").outputText == "hello\n")
        #expect(stage.proxy.bytesDown - cold < 100_000)
        try expectNothingLeft()
    }

    @Test(
        "the exit status is the container's, or docker's when there is none",
        arguments: [
            (["sh", "-c", "exit 0"], 0), (["sh", "-c", "exit 42"], 42), (["no-such-program"], 127), (["/no/such/program"], 127),
            (["/etc"], 126),
            (["/etc/passwd"], 126),
        ] as [([String], Int32)])
    func exitStatus(command: [String], status: Int32) throws {
        let result = try run(command)
        #expect(result.status == status)
        let lines = result.errorText.split(separator: "\n")
        #expect(lines.count == (status < 100 ? 0 : 1), "\(result.errorText)")
        if let line = lines.first { #expect(line.contains(command[0]) && line.contains(stage.reference("lazy")), "\(line)") }
        try expectNothingLeft()
    }

    @Test("a container that is removed when it ends never waits for the disk; one that is kept has what it wrote")
    func volatile() throws {
        let words = arguments("lazy", ["sh", "-c", "grep -c ' / / .*overlay.*volatile' /proc/self/mountinfo"])
        #expect(try Starling.run(words).outputText == "1\n")
        let kept = words.filter { $0 != "--rm" }
        #expect(try Starling.run([kept[0], "--name", "kept"] + kept.dropFirst()).outputText == "0\n")
        _ = try Starling.succeed(["rm", "--root", root, "kept"])
        try expectNothingLeft()
    }

    @Test("what the container prints and what it reads are passed through byte by byte")
    func streams() throws {
        // Without -i standard input is not the container's, as with docker; here it is empty anyway.
        let result = try run(["sh", "-c", "head -c 3000000 /dev/zero; echo error >&2; cat"])
        #expect(result.output.count == 3_000_000)
        #expect(result.errorText == "error\n")
    }

    @Test(
        "SIGTERM and SIGINT end the container, handled or not, and nothing is left",
        arguments: [
            (SIGTERM, "import time; print('ready', flush=True); time.sleep(60)", 143),
            (SIGINT, "import time; print('ready', flush=True); time.sleep(60)", 130),
            (SIGTERM, "import signal, sys, time; signal.signal(15, lambda *a: sys.exit(9)); print('ready', flush=True); time.sleep(60)", 9),
        ] as [(Int32, String, Int32)])
    func signals(signal: Int32, script: String, status: Int32) throws {
        // In short sleeps: Python loses a signal that comes while the code of its `sleep` is still being fetched.
        let script = script.replacing("time.sleep(60)", with: "[time.sleep(0.1) for _ in range(600)]")
        let program = try Starling.start(arguments("lazy", ["python3", "-c", script]))
        try waitUntil("the container is ready", deadline: .seconds(60)) { program.output == "ready\n" }
        program.kill(signal)
        let actual = try program.wait()
        // Python turns SIGINT into an exception and ends itself with the signal, which a first process cannot: it ends with 1 or 130.
        #expect(actual == status || signal == SIGINT && actual == 1, "\(actual): \(program.error)")
        try expectNothingLeft()
    }

    @Test("a run killed with SIGKILL leaves no mount on the host, and the next run removes the rest")
    func killed() throws {
        let program = try Starling.start(arguments("lazy", ["sh", "-c", "echo ready; sleep 1000"]))
        try waitUntil("the container is ready", deadline: .seconds(60)) { program.output == "ready\n" }
        program.kill(SIGKILL)
        #expect(try program.wait() == 137)
        let result = try run(["echo", "again"])
        #expect(result.outputText == "again\n", "\(result.errorText)")
        try expectNothingLeft()
    }

    @Test("eight runs of one image at once all work on one store")
    func parallel() throws {
        let programs = try (0..<8).map { try Starling.start(arguments("lazy", ["python3", "-c", "print(\($0))"])) }
        for (index, program) in programs.enumerated() {
            #expect(try program.wait(deadline: .seconds(120)) == 0, "\(program.error)")
            #expect(program.output == "\(index)\n")
        }
        try expectNothingLeft()
    }

    @Test("the mounted tree is the unpacked one, as the container sees it")
    func sameTree() throws {
        // Names, types, modes, owners, sizes, times, link counts and targets by find, contents by digest.
        let list =
            #"cd / && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./etc/hosts -o -path ./etc/hostname -o "#
            + #"-path ./etc/resolv.conf \) -prune -o -type d -printf '%p %y %m %U %G\n' -o -printf '%p %y %m %U %G %s %T@ %n %l\n' | sort && "#
            + #"find ./usr ./etc -xdev -type f ! -name hosts ! -name hostname ! -name resolv.conf -print0 | sort -z | xargs -0 sha256sum"#
        let lazy = try run(["sh", "-c", list])
        let plain = try run(["sh", "-c", list], tag: "plain")
        #expect(lazy.status == 0 && plain.status == 0, "\(lazy.errorText)")
        #expect(lazy.output.count > 500_000)
        let (left, right) = (lazy.outputText.split(separator: "\n"), plain.outputText.split(separator: "\n"))
        #expect(left == right, "\(left.difference(from: right).prefix(10))")
        try expectNothingLeft()
    }
}
