import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("Child processes and signals", .serialized)
struct ProcessTests {
    @Test(
        "the exit status is the code, or 128 and the signal",
        arguments: [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] as [(String, Int32)])
    func status(script: String, expected: Int32) throws {
        let child = try ChildProcess("sh", ["-c", script])
        #expect(try child.wait() == expected)
        #expect(try child.wait() == expected, "asked again, it says the same")
        child.kill(SIGKILL)
    }

    @Test("a child has the environment and directory that it was given, and no descriptors but three")
    func surroundings() throws {
        let leaked = open("/dev/null", O_RDONLY)
        defer { close(leaked) }
        let result = try Program.run(
            "sh", ["-c", "echo $A; pwd; ls /proc/self/fd | wc -l; echo error >&2"], environment: ["A=b c", "PATH=/usr/bin:/bin"],
            workingDirectory: "/usr")
        // The fourth descriptor is the one that ls lists the directory with.
        #expect(result.outputText == "b c\n/usr\n4\n")
        #expect(result.errorText == "error\n")
        #expect(result.status == 0)
    }

    @Test("a directory that is hidden from a program is empty for it and all that it starts, and for nobody else")
    func hidden() throws {
        try requireRoot()
        let directory = try TemporaryDirectory()
        try Files.makeDirectories(directory.path + "/below")
        let script = "ls -A; sh -c 'echo > made; ls -A'"
        func seen(_ hidden: String?) throws -> Program.Result {
            try Program.run("sh", ["-c", script], workingDirectory: directory.path, hiddenDirectory: hidden)
        }
        // The working directory is looked up by the program's own eyes.
        #expect(try seen(directory.path).outputText == "made\n")
        #expect(try Files.entries(directory.path) == ["below"])
        #expect(!(try Mounts.mountPoints().contains { $0.path.hasPrefix(directory.path) }))
        #expect(throws: HostError.self) { try seen(directory.path + "/nothing") }
        #expect(try seen(nil).outputText == "below\nbelow\nmade\n")
    }

    @Test("a program that prints more than a pipe holds on both streams is read to its end")
    func output() throws {
        let result = try Program.run("sh", ["-c", "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2"])
        #expect(result.output.count == 1_000_000 && result.error.count == 1_000_000)
    }

    @Test("a program that does not end is killed at its deadline")
    func deadline() throws {
        #expect(throws: HostError.self) { try Program.run("sleep", ["100"], deadline: .milliseconds(100)) }
    }

    @Test("a daemon that keeps the pipes open does not keep us")
    func grandchild() throws {
        let result = try Program.run("sh", ["-c", "sleep 5 & echo $!"], deadline: .seconds(4))
        #expect(result.status == 0)
        if let process = Int32(result.outputText.dropLast()) { kill(process, SIGKILL) }
    }

    @Test("a missing program is an error that says what to install")
    func missing() {
        let error = #expect(throws: HostError.self) { _ = try ChildProcess("no-such-program", []) }
        #expect(error?.description.contains("no-such-program not found in PATH; install it") == true)
        let path = #expect(throws: HostError.self) { _ = try ChildProcess("/no/such/program", []) }
        #expect(path?.description.contains("/no/such/program") == true)
    }

    @Test("a child does not outlive its owner")
    func owner() throws {
        var child: ChildProcess? = try ChildProcess("sleep", ["100"])
        let process = try #require(child?.processID)
        withExtendedLifetime(child) {}
        child = nil
        #expect(kill(process, 0) == -1)
    }

    @Test("waiting with a time limit comes back while the child runs")
    func waitFor() throws {
        let child = try ChildProcess("sleep", ["100"])
        #expect(try child.wait(for: .milliseconds(20)) == nil)
        #expect(try child.terminate() == 143)
    }

    @Test("signals reach the child, those too that came before it was there")
    func forwarding() throws {
        let forwarder = try SignalForwarder([SIGUSR1, SIGTERM])
        kill(getpid(), SIGTERM)
        try waitUntil("the signal was taken") { forwarder.endRequested == SIGTERM }
        let directory = try TemporaryDirectory()
        let ready = directory.path + "/ready"
        let child = try ChildProcess("sh", ["-c", "trap 'exit 5' TERM; trap 'exit 6' USR1; touch \(ready); while :; do :; done"])
        try waitUntil("the child is ready") { Files.exists(ready) }
        forwarder.deliver { child.kill($0) }
        #expect(try child.wait() == 5)
    }

    @Test("a child starts with no signal blocked or ignored, whatever its parent does")
    func cleanSignals() throws {
        signal(SIGPIPE, SIG_IGN)
        let result = try Program.run("grep", ["-E", "^Sig(Blk|Ign)", "/proc/self/status"])
        let masks = result.outputText.split(separator: "\n").map { UInt64($0.suffix(16), radix: 16) }
        // Signals 32 and 33 are the C library's own; it ignores them itself between fork and exec.
        #expect(masks.map { $0.map { $0 & 0x7fff_ffff } } == [0, 0])
    }
}
