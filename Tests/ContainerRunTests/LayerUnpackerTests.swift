import Digests
import Glibc
import HostSystem
import OCI
import Synchronization
import TestSupport
import Testing

@testable import ContainerRun

/// Bytes in memory as a blob; can fail at its end as a real one with a wrong digest does.
private final class MemoryBlob: BlobStream {
    struct Damaged: Error {}
    private let bytes: [UInt8]
    private let position = Mutex(0)
    private let isDamaged: Bool

    init(_ bytes: [UInt8], isDamaged: Bool = false) {
        self.bytes = bytes
        self.isDamaged = isDamaged
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = position.withLock { position in
            let count = min(buffer.count, bytes.count - position)
            buffer.copyBytes(from: bytes[position..<position + count])
            position += count
            return count
        }
        if count == 0, isDamaged { throw Damaged() }
        return count
    }

    func cancel() {}
}

@Suite("Unpacking whole layers", .serialized)
struct LayerUnpackerTests {
    private let directory: TemporaryDirectory
    private let unpacker: LayerUnpacker
    private let layer = Digest.sha256(Array("layer".utf8))

    init() throws {
        try requireRoot()
        directory = try TemporaryDirectory()
        unpacker = try LayerUnpacker(root: directory.path)
    }

    private var leftovers: [String] {
        get throws { try Files.entries(directory.path + "/unpacked") }
    }

    /// Packs a list of entries with python's tarfile: what no file system would let GNU tar pack.
    private func archive(_ entries: String) throws -> [UInt8] {
        let script = """
            import io, sys, tarfile
            archive = tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT)
            def add(name, kind=tarfile.REGTYPE, text="", link="", mode=0o644, mtime=1700000000, pax={}, **more):
                info = tarfile.TarInfo(name)
                info.type, info.linkname, info.mode, info.mtime, info.pax_headers = kind, link, mode, mtime, pax
                for key, value in more.items(): setattr(info, key, value)
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
            def folder(name, **more): add(name, tarfile.DIRTYPE, mode=more.pop("mode", 0o755), **more)
            \(entries)
            archive.close()
            """
        return try TestSupport.run("python3", ["-c", script]).output
    }

    private func unpack(_ entries: String) throws -> TreeListing {
        let bytes = try archive(entries)
        return try TreeListing(unpacker.unpack(layer: layer, diffID: .sha256(bytes), from: MemoryBlob(bytes)))
    }

    @Test("the awkward layer of the fixtures unpacks to what tar makes of it, with whiteouts as overlayfs has them")
    func fixture() throws {
        let blob = try Files.read(Places.package + "/testdata/fixtures/a-layer.tar.gz", limit: 64 << 20)
        let plain = directory.path + "/plain"
        try Files.makeDirectories(plain)
        try AtomicFile.write(blob, to: directory.path + "/layer.tar.gz")
        try TestSupport.run("gzip", ["-d", directory.path + "/layer.tar.gz"])
        let diffID = try Digest.sha256(Files.read(directory.path + "/layer.tar", limit: 64 << 20))
        try TestSupport.run(
            "tar", ["-C", plain, "--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf", directory.path + "/layer.tar"])
        let path = try unpacker.unpack(layer: .sha256(blob), diffID: diffID, from: MemoryBlob(blob))
        let mine = try TreeListing(path)
        let theirs = try TreeListing(plain)
        for (name, facts) in theirs.files where !name.split(separator: "/").contains(where: { $0.hasPrefix(".wh.") }) {
            var found = try #require(mine.files[name], "\(name) is missing")
            var expected = facts
            found.xattrs["trusted.overlay.opaque"] = nil
            // Parents that have no entry of their own get the time of unpacking.
            if expected.mode & S_IFMT == S_IFDIR, isRecent(expected.modified) {
                (expected.modified, found.modified) = (0, 0)
            }
            #expect(found == expected, "\(name)")
        }
        let whiteouts = theirs.files.keys.filter { $0.split(separator: "/").last?.hasPrefix(".wh.") == true }
        #expect(whiteouts.count == 2)
        for name in whiteouts {
            if name.hasSuffix(".wh..wh..opq") {
                #expect(mine.files[Paths.parent(of: name)]?.xattrs["trusted.overlay.opaque"] == Array("y".utf8))
            } else {
                let hidden = mine.files[name.replacing(".wh.", with: "")]
                #expect(hidden.map { $0.mode & S_IFMT } == S_IFCHR && hidden?.device == 0)
            }
        }
        #expect(mine.files.count == theirs.files.count - 1)
        #expect(try leftovers == [diffID.hex])
    }

    private func isRecent(_ nanoseconds: Int64) -> Bool { time(nil) - Int(nanoseconds / 1_000_000_000) < 600 }

    @Test("a layer that was unpacked before is used again without reading the blob")
    func reuse() throws {
        let bytes = try archive("add('file', text='x')")
        let diffID = Digest.sha256(bytes)
        #expect(unpacker.existing(diffID) == nil)
        let path = try unpacker.unpack(layer: layer, diffID: diffID, from: MemoryBlob(bytes))
        #expect(unpacker.existing(diffID) == path)
        #expect(try unpacker.unpack(layer: layer, diffID: diffID, from: MemoryBlob([], isDamaged: true)) == path)
    }

    @Test("gzip and zstd are told from the bytes", arguments: ["gzip", "zstd"])
    func compressions(program: String) throws {
        let bytes = try archive("add('file', text='x' * 100000)")
        try AtomicFile.write(bytes, to: directory.path + "/tar")
        let packed = try TestSupport.run(program, ["-c", directory.path + "/tar"]).output
        let path = try unpacker.unpack(layer: layer, diffID: .sha256(bytes), from: MemoryBlob(packed))
        #expect(try Files.read(path + "/file", limit: 1 << 20).count == 100_000)
    }

    @Test(
        "a path that leads out of the layer is refused and nothing is left",
        arguments: [
            "add('../evil')", "add('a/../../evil')", "folder('..')", "add('hard', tarfile.LNKTYPE, link='../../../etc/passwd')",
            "add('a/.wh..')", "add('a/.wh...')", "add('.wh..')",
        ])
    func escapes(entries: String) throws {
        #expect(throws: ContainerError.self) { try unpack(entries) }
        #expect(try leftovers.isEmpty)
    }

    @Test("links that lead out of the layer lead nowhere while it is unpacked")
    func linksOut() throws {
        let outside = directory.path + "/outside"
        try Files.makeDirectories(outside)
        let climbing = String(repeating: "../", count: 20)
        #expect(throws: HostError.self) {
            try unpack("add('out', tarfile.SYMTYPE, link='\(climbing)\(outside)'); add('out/evil', text='x')")
        }
        #expect(try Files.entries(outside).isEmpty)
        #expect(try leftovers.isEmpty)
        let listing = try unpack("folder('real'); add('link', tarfile.SYMTYPE, link='/real'); add('link/file', text='x')")
        #expect(listing.files["real/file"]?.size == 1)
    }

    @Test("a whiteout is about lower layers: what the same layer has of that name stays and covers them")
    func whiteouts() throws {
        let listing = try unpack(
            """
            add('a/.wh.gone')
            add('b/kept', text='x'); add('b/.wh.kept')
            folder('c/dir'); add('c/dir/file'); add('c/.wh.dir')
            add('d/.wh.dir'); folder('d/dir')
            add('e/.wh..wh..opq'); add('e/new')
            add('.wh..wh.plnk')
            """)
        #expect(listing.files["a/gone"].map { $0.mode & S_IFMT } == S_IFCHR && listing.files["a/gone"]?.device == 0)
        #expect(listing.files["b/kept"]?.size == 1)
        for name in ["c/dir", "d/dir", "e"] { #expect(listing.files[name]?.xattrs["trusted.overlay.opaque"] == Array("y".utf8), "\(name)") }
        #expect(listing.files["c/dir/file"] != nil && listing.files["e/new"] != nil)
        #expect(listing.files.keys.allSatisfy { !$0.contains(".wh.") })
    }

    @Test("the last entry of a name wins, whatever kinds they are; times of directories survive what is put into them")
    func duplicates() throws {
        let listing = try unpack(
            """
            folder('dir', mtime=1600000000); add('dir/file', text='one'); add('dir/file', text='second')
            folder('x'); add('x/inner'); add('x', text='now a file')
            add('y', text='file'); folder('y', mtime=1500000000); add('y/inner')
            folder('dir', mode=0o700, mtime=1400000000)
            """)
        #expect(listing.files["dir/file"]?.size == 6)
        #expect(listing.files["x"]?.size == 10 && listing.files["x/inner"] == nil)
        #expect(listing.files["y"].map { $0.mode & S_IFMT } == S_IFDIR && listing.files["y"]?.modified == 1_500_000_000 * 1_000_000_000)
        #expect(listing.files["dir"].map { $0.mode & 0o777 } == 0o700 && listing.files["dir"]?.modified == 1_400_000_000 * 1_000_000_000)
    }

    @Test("attributes of a directory are never set on what a link in its place leads to")
    func replacedDirectories() throws {
        let outside = directory.path + "/outside"
        try Files.makeDirectories(outside, mode: 0o700)
        // The link comes by another path than the directory did.
        let listing = try unpack(
            """
            folder('a'); folder('a/b', mode=0o777, mtime=1500000000); add('c', tarfile.SYMTYPE, link='a')
            add('c/b', tarfile.SYMTYPE, link='\(outside)')
            folder('d/e', mode=0o777); add('f', tarfile.SYMTYPE, link='d'); add('f/e', text='x', mode=0o600)
            folder('g', mode=0o700); add('h', tarfile.SYMTYPE, link='g'); folder('h/.', mode=0o711)
            """)
        #expect(try TreeListing(outside).files["."].map { $0.mode & 0o7777 } == 0o700)
        #expect(listing.files["a/b"]?.content == outside)
        #expect(listing.files["d/e"].map { $0.mode & 0o7777 } == 0o600)
    }

    @Test("a directory that only a mark implies is like any that is implied: everybody may enter it")
    func impliedByMark() throws {
        let listing = try unpack("add('e/.wh..wh..opq'); add('f/.wh.x'); add('g/h')")
        for name in ["e", "f", "g"] { #expect(listing.files[name].map { $0.mode & 0o7777 } == 0o755, "\(name)") }
    }

    @Test("a directory hides the lower one wherever its whiteout stands, and by whatever path it was whited out")
    func whitedOutDirectories() throws {
        let listing = try unpack(
            """
            add('a/.wh.x'); add('a/x', text='file'); folder('a/x')
            add('real/.wh.x'); add('link', tarfile.SYMTYPE, link='real'); folder('link/x')
            folder('b'); add('b/.wh.x'); add('b', text='file'); folder('b'); folder('b/x')
            """)
        let opaque = listing.files.filter { $0.value.xattrs["trusted.overlay.opaque"] != nil }.keys.sorted()
        #expect(opaque == ["a/x", "b/x", "real/x"])
    }

    @Test("an image cannot set overlayfs' own attributes, and the files of the eStargz format are not shown")
    func hidden() throws {
        let listing = try unpack(
            """
            add('file', pax={'SCHILY.xattr.trusted.overlay.redirect': '/etc', 'SCHILY.xattr.user.ok': 'v'})
            add('.no.prefetch.landmark', text='x'); add('stargz.index.json', text='{}'); add('dir/stargz.index.json', text='{}')
            add('.prefetch.ranges.0', text='x'); add('.prefetch.landmark', text='x')
            """)
        #expect(listing.files["file"]?.xattrs == ["user.ok": Array("v".utf8)])
        #expect(listing.files.keys.sorted() == [".", "dir", "dir/stargz.index.json", "file"])
    }

    @Test("bytes that are not what the configuration promises are refused and nothing is left")
    func damage() throws {
        let bytes = try archive("add('file', text='x' * 5000)")
        let wrong = Digest.sha256([1])
        #expect(throws: ContainerError.diffID(layer: layer, expected: wrong, actual: .sha256(bytes))) {
            try unpacker.unpack(layer: layer, diffID: wrong, from: MemoryBlob(bytes))
        }
        #expect(throws: MemoryBlob.Damaged.self) {
            try unpacker.unpack(layer: layer, diffID: .sha256(bytes), from: MemoryBlob(bytes, isDamaged: true))
        }
        let error = #expect(throws: ContainerError.self) {
            try unpacker.unpack(layer: layer, diffID: wrong, from: MemoryBlob(Array(bytes.prefix(2000))))
        }
        #expect(error?.description.hasPrefix("layer \(layer): the tar archive ends") == true)
        #expect(throws: ContainerError.self) { try unpacker.unpack(layer: layer, diffID: wrong, from: MemoryBlob(Array("no tar".utf8))) }
        #expect(try leftovers.isEmpty)
    }

    @Test("what a killed unpacker left is removed by the next, what a living one makes stays")
    func reaping() throws {
        let unpacked = directory.path + "/unpacked"
        try Files.makeDirectories(unpacked + "/.new-dead/tree/file")
        try AtomicFile.write([], to: unpacked + "/.new-dead/lock")
        try Files.makeDirectories(unpacked + "/.new-alive/tree")
        let lock = try FileLock(unpacked + "/.new-alive/lock")
        _ = try LayerUnpacker(root: directory.path)
        #expect(try leftovers == [".new-alive"])
        withExtendedLifetime(lock) {}
    }
}
