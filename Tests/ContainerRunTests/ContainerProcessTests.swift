import Glibc
import Testing

@testable import ContainerRun

@Suite("What a runtime and the kernel say")
struct ContainerProcessTests {
    @Test(
        "messages of runc 1.1 and crun 1.8 become docker's exit statuses",
        arguments: [
            (#"runc run failed: unable to start container process: exec: \"/nope\": stat /nope: no such file or directory"#, 127),
            (#"runc run failed: unable to start container process: exec: \"nope\": executable file not found in $PATH"#, 127),
            (#"runc run failed: unable to start container process: exec: \"/noexec\": permission denied"#, 126),
            (#"executable file `nope` not found in $PATH: No such file or directory"#, 127),
            (#"open executable: Permission denied"#, 126),
            ("runc run failed: invalid rootfs: stat /tmp/gone: no such file or directory", 125),
            ("cgroups in hybrid mode not supported, drop all controllers from cgroupv2", 125),
        ] as [(String, Int32)])
    func runtimeMessages(message: String, status: Int32) {
        let line = #"{"level":"error","msg":"\#(message)","time":"2026-11-24T16:26:56Z"}"# + "\n"
        #expect(RuntimeFailure(log: Array(line.utf8))?.exitStatus == status)
    }

    @Test("a log without an error is no failure", arguments: ["", "text\n", #"{"level":"warning","msg":"exec: not found"}"# + "\n"])
    func noFailure(log: String) {
        #expect(RuntimeFailure(log: Array(log.utf8)) == nil)
    }

    @Test(
        "a first process discards a signal that it neither handles, ignores nor blocks",
        arguments: [
            ("0000000000000000", "0000000000000000", "0000000000000000", true),
            ("0000000000004000", "0000000000000000", "0000000000000000", false),
            ("0000000000000000", "0000000000004000", "0000000000000000", false),
            ("0000000000000000", "0000000000000000", "0000000000004000", false),
            ("0000000000000002", "0000000000000001", "0000000000000000", true), ("nonsense", "0000000000000000", "0000000000000000", false),
        ])
    func discards(caught: String, ignored: String, blocked: String, expected: Bool) {
        let status = "Name:\tsleep\nPPid:\t12\nSigBlk:\t\(blocked)\nSigIgn:\t\(ignored)\nSigCgt:\t\(caught)\n"
        #expect(FirstProcess(processID: 1, status: status).discards(SIGTERM) == expected)
    }
}
