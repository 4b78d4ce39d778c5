import CLinux
import Glibc
import TestSupport
import Testing

@testable import HostSystem

@Suite("A directory taken for the root")
struct RootedDirectoryTests {
    private let directory: TemporaryDirectory
    private let root: RootedDirectory
    private let outside: String

    init() throws {
        directory = try TemporaryDirectory()
        outside = directory.path + "/outside"
        try Files.makeDirectories(outside)
        try AtomicFile.write(Array("secret".utf8), to: outside + "/file")
        try Files.makeDirectories(directory.path + "/root")
        root = try RootedDirectory(directory.path + "/root")
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func create(_ path: String, _ text: String = "") throws {
        let file = try root.createFile(bytes(path))
        defer { close(file) }
        try bytes(text).withUnsafeBytes { try FileDescriptors.write($0, to: file, path: path) }
    }

    @Test("absolute and climbing links are resolved inside")
    func links() throws {
        try create("etc/passwd", "inside")
        try root.make(.symbolicLink(target: bytes("/etc/passwd")), bytes("absolute"))
        try root.make(.symbolicLink(target: bytes("../../../../etc/passwd")), bytes("a/climbing"))
        try root.make(.symbolicLink(target: bytes(outside + "/file")), bytes("escape"))
        #expect(try root.read("/absolute", limit: 100) == bytes("inside"))
        #expect(try root.read("/a/climbing", limit: 100) == bytes("inside"))
        #expect(try root.read("escape", limit: 100) == nil)
        #expect(try root.facts("../../outside/file") == nil)
    }

    @Test("nothing is written through a link that leads out")
    func writingThroughLinks() throws {
        try root.make(.symbolicLink(target: bytes(outside)), bytes("out"))
        #expect(throws: HostError.self) { try create("out/new") }
        try root.make(.symbolicLink(target: bytes("/")), bytes("top"))
        try create("top/new")
        #expect(Files.exists(directory.path + "/root/new"))
        #expect(try Files.entries(outside) == ["file"])
    }

    @Test("a link is replaced by what is created in its place, its target untouched, its cached parent forgotten")
    func replacing() throws {
        try Files.makeDirectories(directory.path + "/root/real")
        try root.make(.symbolicLink(target: bytes("real")), bytes("link"))
        try create("link/one")
        try root.makeDirectory(bytes("link"))
        try create("link/two")
        #expect(try Files.entries(directory.path + "/root/real") == ["one"])
        #expect(try Files.entries(directory.path + "/root/link") == ["two"])
        try create("link", "a file now")
        #expect(try root.read("link", limit: 100) == bytes("a file now"))
    }

    @Test("a path with .. is refused for writing", arguments: ["../x", "a/../../x", "..", "a/.."])
    func climbing(path: String) {
        #expect(throws: HostError.self) { try create(path) }
        #expect(throws: HostError.self) { try root.makeDirectory(bytes(path)) }
        #expect(throws: HostError.self) { try root.make(.fifo, bytes(path)) }
    }

    @Test("hard links join names, replace what has the name, and to themselves are nothing")
    func hardLinks() throws {
        try create("a/first", "content")
        try root.makeHardLink(bytes("b/second"), to: bytes("a/first"))
        try create("third", "old")
        try root.makeHardLink(bytes("third"), to: bytes("a/first"))
        try root.makeHardLink(bytes("third"), to: bytes("third"))
        var facts = stat()
        #expect(lstat(directory.path + "/root/third", &facts) == 0 && facts.st_nlink == 3)
        let error = #expect(throws: HostError.self) { try root.makeHardLink(bytes("fourth"), to: bytes("missing")) }
        #expect(error?.code == ENOENT)
    }

    @Test("owner, mode, time and attributes are set on the name itself, links included")
    func attributes() throws {
        try requireRoot()
        try create("file")
        try root.make(.symbolicLink(target: bytes("file")), bytes("link"))
        let attributes = RootedDirectory.Attributes(
            uid: 12, gid: 34, permissions: 0o4751, modified: (-5, 123_456_789), xattrs: ["user.name": [1, 2], "trusted.x": []])
        try root.setAttributes(attributes, bytes("file"))
        var link = attributes
        (link.permissions, link.xattrs, link.uid) = (nil, [:], 99)
        try root.setAttributes(link, bytes("link"))
        let listing = try TreeListing(directory.path + "/root")
        let file = try #require(listing.files["file"])
        #expect(file.mode == S_IFREG | 0o4751 && file.uid == 12 && file.gid == 34 && file.modified == -5_000_000_000 + 123_456_789)
        #expect(file.xattrs == ["user.name": [1, 2], "trusted.x": []])
        #expect(listing.files["link"]?.uid == 99)
    }

    @Test("permissions are never set on what a link leads to, and a directory is known by what it is, not by its path")
    func attributesThroughLinks() throws {
        try requireRoot()
        try root.make(.symbolicLink(target: bytes(outside)), bytes("out"))
        let attributes = RootedDirectory.Attributes(uid: 0, gid: 0, permissions: 0o777, modified: (5, 0), xattrs: [:])
        let error = #expect(throws: HostError.self) { try root.setAttributes(attributes, bytes("out")) }
        #expect(error?.code == EOPNOTSUPP)
        #expect(try TreeListing(outside).files["."].map { $0.mode & 0o777 } == 0o755)
        try root.makeDirectories(bytes("a/b"))
        try root.make(.symbolicLink(target: bytes("a")), bytes("c"))
        let identity = try root.identity(ofDirectory: bytes("a/b"))
        #expect(try identity != nil && root.identity(ofDirectory: bytes("c/b")) == identity)
        #expect(try root.identity(ofDirectory: bytes("a")) != identity)
        for path in ["c", "none", "none/b", "out", "c/b/none"] { #expect(try root.identity(ofDirectory: bytes(path)) == nil, "\(path)") }
    }

    @Test("names that are not UTF-8 are kept as they are")
    func rawNames() throws {
        let file = try root.createFile([0xff, 0xfe])
        close(file)
        #expect(try root.kind([0xff, 0xfe]) == S_IFREG)
        try root.remove([0xff, 0xfe])
        #expect(try root.kind([0xff, 0xfe]) == nil)
    }
}
