import HostSystem

/// A directory as bindfs shows it: a file system of FUSE, which knows no files without a name (O_TMPFILE). For tests of what is done then.
public final class BindFileSystem: Sendable {
    /// Where it is mounted.
    public let path: String
    private let server: ServerProcess

    /// Mounts an empty one.
    public init() throws {
        try requireRoot()
        try requireFuse()
        let directory = try TemporaryDirectory(prefix: "starling-bindfs-")
        let path = directory.path + "/mount"
        self.path = path
        try Files.makeDirectories(directory.path + "/content")
        try Files.makeDirectories(path)
        server = try ServerProcess(
            try requireProgram("bindfs"), ["-f", "--no-allow-other", directory.path + "/content", path], directory: directory
        ) { try Mounts.mountPoints().contains { $0.path == path } }
    }

    // It unmounts when it is told to end.
    deinit { server.stop() }
}
