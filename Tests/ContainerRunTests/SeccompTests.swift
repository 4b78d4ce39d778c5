import HostSystem
import OCI
import TestSupport
import Testing

@testable import ContainerRun

@Suite("The filter of system calls")
struct SeccompTests {
    private func circumstances(_ capabilities: [String] = RuntimeDefaults.capabilities) throws -> SeccompProfile.Circumstances {
        SeccompProfile.Circumstances(
            capabilities: Set(capabilities), architecture: "amd64", kernel: try #require(KernelVersion("6.1")))
    }

    /// Calls that are allowed whatever their arguments are.
    private func allowed(_ json: JSONValue) -> Set<String> {
        Set(
            (json["syscalls"]?.array ?? []).filter { $0["action"] == .string("SCMP_ACT_ALLOW") && $0["args"] == nil }
                .flatMap { $0["names"]?.array?.compactMap(\.string) ?? [] })
    }

    @Test("docker's default allows what programs need, and what a capability brings along only with it")
    func defaults() throws {
        let json = DefaultSeccomp.profile.json(in: try circumstances())
        let names = allowed(json)
        #expect(json["defaultAction"] == .string("SCMP_ACT_ERRNO") && json["defaultErrnoRet"] == .integer(1))
        #expect(json["architectures"]?.array?.compactMap(\.string) == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"])
        #expect(names.isSuperset(of: ["read", "execve", "chroot", "arch_prctl", "futex_waitv", "clock_nanosleep_time64"]))
        let forbidden: Set = ["mount", "unshare", "setns", "keyctl", "bpf", "clone", "clone3", "io_uring_setup", "reboot", "kexec_load"]
        #expect(names.isDisjoint(with: forbidden))
        let all = allowed(DefaultSeccomp.profile.json(in: try circumstances(Capabilities.all)))
        #expect(all.isSuperset(of: ["mount", "unshare", "setns", "bpf", "clone", "clone3", "reboot"]) && !all.contains("keyctl"))
    }

    @Test("x32 is left out where the kernel has none, but not of a file that names it")
    func withoutX32() throws {
        var circumstances = try circumstances()
        circumstances.runsX32 = false
        var profile = DefaultSeccomp.profile
        func architectures() -> [String]? { profile.json(in: circumstances)["architectures"]?.array?.compactMap(\.string) }
        #expect(architectures() == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"])
        profile.architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"]
        #expect(architectures() == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"])
    }

    /// Calls that podman's list on Debian 12 does not have: newer than it, or left out there.
    private let beyondPodman: Set<String> = [
        "cachestat", "fchmodat2", "futex_requeue", "futex_wait", "futex_waitv", "futex_wake", "getxattrat", "io_pgetevents",
        "io_pgetevents_time64", "listmount", "listxattrat", "map_shadow_stack", "mseal", "removexattrat", "setxattrat", "statmount",
        "uretprobe", "vmsplice",
    ]
    /// Calls that podman allows and docker does not: they are about namespaces, which podman nests, or wait for a capability.
    private let beyondDocker: Set<String> = [
        "clone", "clone3", "fsconfig", "fsmount", "fsopen", "fspick", "get_mempolicy", "keyctl", "mbind", "mount", "mount_setattr",
        "move_mount", "open_tree", "pidfd_getfd", "pivot_root", "readdir", "reboot", "set_mempolicy", "setns", "sigaction", "signal",
        "sigpending", "sigsuspend", "syscall", "syslog", "timerfd", "umount", "umount2", "unshare", "socket",
    ]

    @Test("beside podman's list, as Debian packages it, the differences are the known ones; its file is read, too")
    func podman() throws {
        let path = "/usr/share/containers/seccomp.json"
        guard Files.exists(path) else { throw TestFailure("this test needs \(path): apt-get install golang-github-containers-common") }
        let profile = try Documents.decode(SeccompProfile.self, from: Files.read(path, limit: 1 << 20), what: path)
        let circumstances = try circumstances()
        let theirs = allowed(profile.json(in: circumstances))
        let ours = allowed(DefaultSeccomp.profile.json(in: circumstances))
        #expect(ours.subtracting(theirs) == beyondPodman, "\(ours.subtracting(theirs).symmetricDifference(beyondPodman).sorted())")
        #expect(theirs.subtracting(ours) == beyondDocker, "\(theirs.subtracting(ours).symmetricDifference(beyondDocker).sorted())")
    }

    @Test("rules of a file hold where their conditions say")
    func conditions() throws {
        let text = """
            {"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[
             {"name":"old","action":"SCMP_ACT_KILL"},{"names":[],"action":"SCMP_ACT_KILL"},
             {"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":5,"includes":{"arches":["arm64"]}},
             {"names":["b"],"action":"SCMP_ACT_ERRNO","includes":{"minKernel":"7.0"}},
             {"names":["c"],"action":"SCMP_ACT_ERRNO","excludes":{"caps":["CAP_CHOWN"]}},
             {"names":["d"],"action":"SCMP_ACT_ERRNO","errnoRet":5,"includes":{"caps":["CAP_CHOWN"],"arches":["amd64"],"minKernel":"4.8"},
              "args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]}]}
            """
        let json = try Documents.decode(SeccompProfile.self, from: Array(text.utf8), what: "test").json(in: circumstances())
        let rules = json["syscalls"]?.array ?? []
        #expect(rules.map { $0["names"]?.array?.compactMap(\.string) } == [["old"], ["d"]])
        #expect(rules.last?["errnoRet"] == .integer(5) && rules.last?["args"]?.array?.first?["value"] == .integer(1))
        #expect(json["architectures"]?.array?.count == 1)
    }
}
