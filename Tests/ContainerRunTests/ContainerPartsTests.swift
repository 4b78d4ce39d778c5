import Glibc
import OCI
import Testing

@testable import ContainerRun

@Suite("Small parts of containers")
struct ContainerPartsTests {
    @Test("ids are 64 hexadecimal digits, and no two are the same")
    func ids() {
        let ids = Set((0..<100).map { _ in ContainerID.make() })
        #expect(ids.count == 100 && ids.allSatisfy(ContainerID.isValid))
        #expect(!ContainerID.isValid("abc") && ContainerID.isPrefix("abc") && !ContainerID.isPrefix("") && !ContainerID.isPrefix("xyz"))
    }

    @Test(
        "names are docker's",
        arguments: [
            ("ab", true), ("a.b-c_9", true), ("9a", true), ("a", false), ("", false), (".a", false), ("a/b", false), ("a b", false),
        ])
    func names(name: String, isValid: Bool) { #expect(ContainerName.isValid(name) == isValid) }

    @Test(
        "signals have names and numbers",
        arguments: [
            ("TERM", SIGTERM), ("SIGKILL", SIGKILL), ("hup", SIGHUP), ("9", 9), ("SIGRTMIN+3", 37), ("RTMIN", 34), ("what", nil),
            ("0", nil),
            ("65", nil), ("", nil),
        ] as [(String, Int32?)])
    func signals(text: String, number: Int32?) { #expect(SignalName.number(text) == number) }

    @Test("messages between a container and who is attached survive the way")
    func messages() {
        for message in [
            AttachMessage.input([1, 2]), .inputEnd, .size(rows: 300, columns: 2), .output(.stdout, [0]), .output(.stderr, []),
        ] {
            #expect(AttachMessage(message.packet) == message)
        }
        for packet in [[], [0], Array("s12".utf8)] as [[UInt8]] { #expect(AttachMessage(packet) == nil) }
    }

    @Test("Ctrl-P Ctrl-Q leaves, also in two pieces; either of them alone is for the container")
    func detachKeys() {
        var keys = DetachKeys()
        #expect(keys.take([1, 0x10]) == ([1], false))
        #expect(keys.take([0x11, 5]) == ([], true))
        keys = DetachKeys()
        #expect(keys.take([0x11, 0x10, 0x10, 2]) == ([0x11, 0x10, 0x10, 2], false))
    }

    @Test("a user who is not root is given nothing but a bound")
    func granted() {
        #expect(Capabilities.json(["CAP_CHOWN"], isRoot: false)["effective"] == nil)
        #expect(Capabilities.json(["CAP_CHOWN"], isRoot: true)["effective"] == .array([.string("CAP_CHOWN")]))
    }

    @Test("crun is said to refuse a machine with control groups of the second kind alone for want of CAP_SYS_RESOURCE, and no other")
    func refusal() {
        let bound = ~(UInt64(1) << 24)
        #expect(ContainerRuntime.refusesCrun(Machine(hasUnifiedCgroups: true, boundingCapabilities: bound)))
        #expect(!ContainerRuntime.refusesCrun(Machine(hasUnifiedCgroups: true)))
        #expect(!ContainerRuntime.refusesCrun(Machine(boundingCapabilities: bound)))
    }
}
