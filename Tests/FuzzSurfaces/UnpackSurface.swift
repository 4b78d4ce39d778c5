import ContainerRun
import Digests
import EStargz
import Glibc
import HostSystem
import OCI
import Synchronization

/// Unpacking whole layers, as root: whatever the archive, nothing outside of its directory is made, changed or linked to, and nothing is left of
/// one that is refused. What is unpacked is the tree that the same layer shows lazily.
enum UnpackSurface {
    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        let place = try Sandbox()
        try check(Array(bytes), place)
        // The same with right checksums, and archives made of the bytes' decisions, which meet the same names and links far more often.
        try check(TarSurface.signed(bytes), place)
        var source = ByteSource(rest: bytes)
        try check(ArchiveMaker.archive(&source, outside: place.outside), place)
        for name in ArchiveMaker.names {
            try promise(!Files.exists("/\(name)") && !Files.exists(name), "nothing is made in the host's root or where we are")
        }
    }

    private static func check(_ archive: [UInt8], _ place: Sandbox) throws {
        let diffID = Digest.sha256(archive)
        let before = try place.facts()
        let unpacked = try accepted {
            let unpacker = try LayerUnpacker(root: place.root)
            return try unpacker.unpack(layer: diffID, diffID: diffID, from: ArchiveStream(archive))
        }
        try promise(try place.facts() == before, "nothing outside is changed")
        let entries = try Files.entries(place.root + "/unpacked")
        guard let unpacked else { return try promise(entries.isEmpty, "nothing is left of a layer that is refused") }
        try promise(entries == [diffID.hex], "there is one layer, under its name")
        try TreeDifference.check(archive, unpacked)
        try Files.remove(unpacked)
    }
}

/// A directory to unpack in, beside things that must stay as they are.
private final class Sandbox {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory(in: "/dev/shm", prefix: "starling-fuzz-")
        try Files.makeDirectories(outside + "/dir", mode: 0o700)
        try AtomicFile.write([1, 2, 3], to: outside + "/file", mode: 0o600)
        try AtomicFile.write([4], to: outside + "/dir/file", mode: 0o600)
    }

    var root: String { directory.path + "/root" }
    /// What nobody may touch, with `dir`, `dir/file` and `file` in it.
    var outside: String { directory.path + "/outside" }

    /// Everything that can be seen of what is outside, the time of the last change of any kind among it.
    func facts() throws -> [String] {
        var facts = try Files.entries(directory.path).filter { $0 != "root" }
        for path in ["", "/dir", "/dir/file", "/file"] {
            var status = stat()
            guard lstat(outside + path, &status) == 0 else { throw BrokenPromise(description: "nothing outside is removed: \(path)") }
            facts.append(
                "\(path) \(status.st_mode) \(status.st_uid) \(status.st_gid) \(status.st_nlink) \(status.st_size) "
                    + "\(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)")
        }
        return facts + (try Files.entries(outside)) + (try Files.entries(outside + "/dir"))
    }
}

/// An archive as a blob.
private final class ArchiveStream: BlobStream {
    private let rest: Mutex<ArraySlice<UInt8>>

    init(_ archive: [UInt8]) { rest = Mutex(archive[...]) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        rest.withLock { rest in
            let piece = rest.prefix(buffer.count)
            buffer.copyBytes(from: piece)
            rest = rest.dropFirst(piece.count)
            return piece.count
        }
    }

    func cancel() {}
}
