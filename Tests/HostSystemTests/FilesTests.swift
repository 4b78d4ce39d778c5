import Glibc
import TestSupport
import Testing

@testable import HostSystem

@Suite("Files")
struct FilesTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func path(_ name: String) -> String { directory.path + "/" + name }

    private func write(_ name: String, _ text: String) throws { try AtomicFile.write(Array(text.utf8), to: path(name)) }

    @Test("a temporary directory is private, and gone with its owner")
    func temporaryDirectory() throws {
        var owner: TemporaryDirectory? = try TemporaryDirectory()
        let path = try #require(owner?.path)
        var facts = stat()
        #expect(lstat(path, &facts) == 0 && facts.st_mode & 0o777 == 0o700)
        try AtomicFile.write([1], to: path + "/file")
        owner = nil
        #expect(!Files.exists(path))
    }

    @Test("removal takes a whole tree and leaves what symbolic links point at")
    func removal() throws {
        try Files.makeDirectories(path("keep"))
        try write("keep/file", "precious")
        try Files.makeDirectories(path("tree/a/b/c"))
        try write("tree/a/b/file", "x")
        #expect(symlink(path("keep"), path("tree/a/link")) == 0)
        #expect(symlink("/nowhere", path("tree/dangling")) == 0)
        try Files.remove(path("tree"))
        #expect(try Files.entries(directory.path) == ["keep"])
        #expect(try Files.read(path("keep/file"), limit: 100) == Array("precious".utf8))
        try Files.remove(path("tree"))
    }

    @Test("removal of a link to a directory removes the link")
    func removalOfLink() throws {
        try Files.makeDirectories(path("keep/inner"))
        #expect(symlink(path("keep"), path("link")) == 0)
        try Files.remove(path("link"))
        #expect(Files.isDirectory(path("keep/inner")))
    }

    @Test("removal gets through a tree far deeper than there are file descriptors or path bytes")
    func deepRemoval() throws {
        try Files.makeDirectories(path("tree"))
        var parent = open(path("tree"), O_RDONLY | O_DIRECTORY)
        for _ in 0..<3000 {
            #expect(mkdirat(parent, "level", 0o700) == 0)
            let child = openat(parent, "level", O_RDONLY | O_DIRECTORY)
            close(parent)
            parent = child
        }
        close(parent)
        try Files.remove(path("tree"))
        #expect(!Files.exists(path("tree")))
    }

    @Test("removal never enters a mount, not even a bind mount of the same file system")
    func removalAtMount() throws {
        try requireRoot()
        try Files.makeDirectories(path("keep"))
        try write("keep/file", "precious")
        try Files.makeDirectories(path("tree/mounted"))
        try Mounts.bind(path("keep"), at: path("tree/mounted"))
        defer { try? Mounts.unmount(path("tree/mounted")) }
        #expect(throws: HostError.self) { try Files.remove(path("tree")) }
        #expect(Files.exists(path("keep/file")))
    }

    @Test("directories are made with their parents, with the mode asked for, and making them again is no error")
    func makeDirectories() throws {
        try Files.makeDirectories(path("a/b/c"), mode: 0o711)
        try Files.makeDirectories(path("a/b/c"), mode: 0o700)
        var facts = stat()
        #expect(lstat(path("a/b/c"), &facts) == 0 && facts.st_mode & 0o7777 == 0o711)
        try write("file", "")
        let error = #expect(throws: HostError.self) { try Files.makeDirectories(path("file/below")) }
        #expect(error?.code == ENOTDIR)
    }

    @Test("a file larger than the limit is refused, also where its size is not known before")
    func readLimit() throws {
        try write("file", "12345")
        #expect(try Files.read(path("file"), limit: 5).count == 5)
        #expect(throws: HostError.tooLarge(path: path("file"), limit: 4)) { try Files.read(path("file"), limit: 4) }
        #expect(throws: HostError.tooLarge(path: "/proc/self/status", limit: 10)) { try Files.read("/proc/self/status", limit: 10) }
    }

    @Test("an atomic write replaces a file, sets its mode and leaves no temporary file, even when it fails")
    func atomicWrite() throws {
        try write("file", "old")
        try AtomicFile.write(Array("new".utf8), to: path("file"), mode: 0o600)
        var facts = stat()
        #expect(lstat(path("file"), &facts) == 0 && facts.st_mode & 0o777 == 0o600)
        #expect(try Files.read(path("file"), limit: 10) == Array("new".utf8))
        try Files.makeDirectories(path("taken/inside"))
        #expect(throws: HostError.self) { try AtomicFile.write([], to: path("taken")) }
        #expect(try Files.entries(directory.path) == ["file", "taken"])
    }

    @Test("a lock that is taken names its holder, and is free again when the holder goes")
    func lock() throws {
        var first: FileLock? = try FileLock(path("lock"))
        let error = #expect(throws: HostError.self) { _ = try FileLock(path("lock")) }
        #expect(error?.description.contains("process \(getpid())") == true)
        withExtendedLifetime(first) {}
        first = nil
        _ = try FileLock(path("lock"))
        let missing = #expect(throws: HostError.self) { _ = try FileLock(path("none"), create: false) }
        #expect(missing?.code == ENOENT)
    }

    @Test("a mapped file shows its bytes, an empty one none, a missing one is an error that names it")
    func mappedFile() throws {
        try write("file", "mapped")
        let file = try MappedFile(path("file"))
        #expect(file.withBytes { Array($0) } == Array("mapped".utf8))
        try write("empty", "")
        #expect(try MappedFile(path("empty")).bytes.isEmpty)
        let error = #expect(throws: HostError.self) { _ = try MappedFile(path("missing")) }
        #expect(error?.description == "cannot open \(path("missing")): No such file or directory")
    }

    @Test(
        "the default root follows the user and the XDG rules",
        arguments: [
            (true, "/data", "/home/u", "/var/lib/starling"), (false, "/data", "/home/u", "/data/starling"),
            (false, "relative", "/home/u", "/home/u/.local/share/starling"), (false, nil, "/home/u", "/home/u/.local/share/starling"),
        ] as [(Bool, String?, String, String)])
    func defaultRoot(isRoot: Bool, dataHome: String?, home: String, expected: String) {
        #expect(Paths.defaultRoot(isRoot: isRoot, dataHome: dataHome, home: home) == expected)
    }

    @Test(
        "the parent of a path", arguments: [("/a/b", "/a"), ("/a", "/"), ("a", "."), ("/a/b/", "/a"), ("/", "/"), ("a/b", "a")])
    func parent(path: String, expected: String) {
        #expect(Paths.parent(of: path) == expected)
    }
}
