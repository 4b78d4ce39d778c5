import Glibc
import TestSupport
import Testing

@testable import HostSystem

@Suite("Mounts", .serialized)
struct MountsTests {
    @Test("a line of mountinfo is read with optional fields, escapes and empty options")
    func mountInfoLine() throws {
        let plain = try #require(MountPoint(line: "36 35 98:0 /mnt1 /mnt/two rw,noatime - ext3 /dev/root rw,errors=continue"))
        #expect(plain.path == "/mnt/two" && plain.type == "ext3" && plain.source == "/dev/root")
        #expect(plain.options == "rw,noatime" && plain.superOptions == "rw,errors=continue")
        let shared = try #require(MountPoint(line: #"1 2 0:3 / /a\040b\134c\011d rw master:1 shared:2 - fuse.x so\012urce rw"#))
        #expect(shared.path == "/a b\\c\td" && shared.source == "so\nurce")
        #expect(MountPoint(line: "36 35 98:0 /mnt1 /mnt/two rw - ext3 none")?.superOptions == "")
    }

    @Test(
        "a line that is none is refused, a broken escape is left as it is",
        arguments: ["", "36 35 98:0 / /x rw ext3 none", "- - -", "36 35 98:0 / /x rw -"])
    func badMountInfo(line: String) {
        #expect(MountPoint(line: line) == nil)
        #expect(MountPoint.decoded(#"/a\9z\04"#) == #"/a\9z\04"#)
    }

    @Test("the machine's own mounts are read, the root among them")
    func mountPoints() throws {
        #expect(try Mounts.mountPoints().contains { $0.path == "/" })
    }

    @Test("an overlay of more layers than a page of options can name is mounted, odd names too")
    func overlay() throws {
        try requireRoot()
        let directory = try TemporaryDirectory()
        let top = directory.path
        let lowers = (0..<60).map { "\(top)/layer-\($0):with,odd\\name-" + String(repeating: "x", count: 100) }
        for (index, lower) in lowers.enumerated() {
            try Files.makeDirectories(lower)
            try AtomicFile.write(Array("\(index)".utf8), to: lower + "/file-\(index)")
            try AtomicFile.write(Array("\(index)".utf8), to: lower + "/all")
        }
        for name in ["up,per", "work", "merged"] { try Files.makeDirectories(top + "/" + name) }
        try OverlayMount(lowerDirectories: lowers, upperDirectory: top + "/up,per", workDirectory: top + "/work").mount(at: top + "/merged")
        defer { try? Mounts.unmountAll(below: top) }
        #expect(try Files.entries(top + "/merged").count == 61)
        #expect(try Files.read(top + "/merged/all", limit: 10) == Array("0".utf8))
        try AtomicFile.write([], to: top + "/merged/new")
        #expect(Files.exists(top + "/up,per/new"))
        try Mounts.unmountAll(below: top)
        #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(top) })
        try directory.remove()
    }

    @Test("a busy mount is detached after a while, and unmounting nothing is no error")
    func busy() throws {
        try requireRoot()
        let directory = try TemporaryDirectory()
        let target = directory.path + "/mount"
        try Files.makeDirectories(target)
        try Mounts.unmount(target)
        try Mounts.mount(type: "tmpfs", source: "tmpfs", at: target)
        let user = open(target, O_RDONLY | O_DIRECTORY)
        defer { close(user) }
        try Mounts.unmount(target)
        #expect(try !Mounts.mountPoints().contains { $0.path == target })
    }

    @Test("a read-only bind mount cannot be written to")
    func readOnlyBind() throws {
        try requireRoot()
        let directory = try TemporaryDirectory()
        for name in ["from", "to"] { try Files.makeDirectories(directory.path + "/" + name) }
        try Mounts.bind(directory.path + "/from", at: directory.path + "/to", readOnly: true)
        defer { try? Mounts.unmount(directory.path + "/to") }
        let error = #expect(throws: HostError.self) { try AtomicFile.write([], to: directory.path + "/to/file") }
        #expect(error?.code == EROFS)
    }

    @Test("a process of several threads is not given a mount namespace")
    func namespace() throws {
        #expect(throws: HostError.self) { try MountNamespace.enterPrivate() }
    }
}
