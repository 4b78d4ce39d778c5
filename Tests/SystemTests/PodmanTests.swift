import HostSystem
import TestSupport
import Testing

@Suite("docker archives, with podman")
struct PodmanTests {
    private let directory: TemporaryDirectory
    /// podman takes no state directory whose path is longer than 50 bytes.
    private let state: TemporaryDirectory

    init() throws {
        try requireRoot()
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        state = try TemporaryDirectory(in: "/tmp")
    }

    /// Runs podman with a store of its own.
    @discardableResult
    private func podman(_ arguments: String...) throws -> String {
        let places = ["--root", directory.path + "/store", "--runroot", state.path + "/run", "--tmpdir", directory.path + "/tmp"]
        let options = ["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none"]
        return try TestSupport.run("podman", places + options + arguments, deadline: .seconds(120)).outputText
    }

    @Test("podman loads what we write, under its name, and we read what it saves: the trees are the same all the way")
    func loadAndSave() throws {
        let (written, saved) = ("docker-archive:\(directory.path)/written.tar", "docker-archive:\(directory.path)/saved.tar")
        let source = "oci:\(try TestImages.busybox(in: directory.path)):latest"
        let name = "registry.example.org/app:1-esgz"
        try Starling.succeed(["convert", source, written + ":" + name])
        try podman("load", "--quiet", "--input", directory.path + "/written.tar")
        #expect(try podman("images", "--format", "{{.Repository}}:{{.Tag}}") == name + "\n")

        try podman("save", "--quiet", "--format", "docker-archive", "--output", directory.path + "/saved.tar", name)
        try Starling.succeed(["check", source, saved + ":" + name])
        let converted = "oci:\(directory.path)/converted:latest"
        try Starling.succeed(["convert", saved, converted])
        try Starling.succeed(["check", source, converted])
    }
}
