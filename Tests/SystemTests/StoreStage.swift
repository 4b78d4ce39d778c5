import Glibc
import HostSystem
import TestSupport

/// podman of one user with an additional layer store, both as docs/podman.md says, and a registry behind a proxy that counts.
final class StoreStage: Sendable {
    let user: ContainerUser
    let proxy: CountingProxy
    let fixture: SystemFixture

    init(_ kind: ContainerUserKind) throws {
        fixture = try SystemFixture.shared()
        for name in ["podman", "runc"] { try requireProgram(name) }
        proxy = try CountingProxy(to: fixture.registry.port)
        user = try ContainerUser(kind)
        try user.write(
            """
            [storage]
            driver = "overlay"
            graphroot = "\(user.home)/graph"
            rootless_storage_path = "\(user.home)/graph"
            runroot = "\(user.runtimeDirectory)/run"
            [storage.options]
            additionallayerstores = ["\(mountpoint):ref"]

            """, to: "storage.conf")
        try user.succeed("mkdir", [mountpoint])
    }

    deinit {
        _ = try? user.run("podman", options + ["rm", "--all", "--force", "--time", "0"])
        _ = try? end()
        // Their layers have owners that only podman can remove.
        _ = try? user.run("podman", options + ["rmi", "--all", "--force"])
        if user.kind == .ordinary { _ = try? user.run("podman", ["unshare", "rm", "-rf", user.home + "/graph"]) }
        _ = try? Mounts.unmountAll(below: user.home)
    }

    var mountpoint: String { user.home + "/store" }
    var root: String { user.home + "/root" }

    /// The image of a tag behind the proxy; a name that is one already stays.
    func reference(_ tag: String) -> String {
        tag.contains("/") ? tag : "\(proxy.address)/\(SystemFixture.repository):\(tag)"
    }

    /// Starts the store in the background, with nothing fetched that nobody asks for.
    func begin(_ more: [String] = []) throws {
        let mode = user.kind == .root ? ModeUnderTest.name : "auto"
        let arguments = ["store", "--no-background-fetch", "--mode", mode, "--root", root] + more + [mountpoint]
        try user.succeed(Places.product("starling"), arguments)
    }

    @discardableResult
    func end() throws -> Program.Result { try user.run(Places.product("starling"), ["umount", "--root", root, mountpoint]) }

    /// Id of the process that serves.
    func process() throws -> Int32 {
        let record = String(decoding: try Files.read(root + "/store/store.json", limit: 1000), as: UTF8.self)
        guard let process = record.firstMatch(of: #/"process":(\d+)/#).flatMap({ Int32($0.1) }) else { throw TestFailure(record) }
        return process
    }

    func kill(_ signal: Int32 = SIGKILL) throws {
        let process = try process()
        Glibc.kill(process, signal)
        // As a zombie, where nobody waits for it, it is as dead.
        try waitUntil("it is dead") {
            guard let state = try? Files.read("/proc/\(process)/stat", limit: 1000) else { return true }
            return String(decoding: state, as: UTF8.self).contains(") Z ")
        }
    }

    private var options: [String] {
        let state = user.kind == .root ? ["--tmpdir", user.runtimeDirectory + "/tmp"] : []
        return state + ["--cgroup-manager", "cgroupfs", "--events-backend", "none"]
    }

    @discardableResult
    func podman(_ arguments: String...) throws -> String { try user.succeed("podman", options + arguments, deadline: .seconds(240)) }

    // Limits that podman would set and the machine's may not allow.
    private static let running = [
        "run", "--rm", "--network", "host", "--runtime", "runc", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000",
    ]

    @discardableResult
    func pull(_ tag: String) throws -> String { try podman("pull", "--quiet", "--tls-verify=false", reference(tag)) }

    /// Runs a command in a container of an image that was pulled.
    @discardableResult
    func run(_ tag: String, _ command: String...) throws -> String {
        try user.succeed("podman", options + Self.running + [reference(tag)] + command, deadline: .seconds(240))
    }

    /// Starts a container that goes on; returns its id.
    func start(_ tag: String, _ command: String...) throws -> String {
        String(try user.succeed("podman", options + Self.running + ["--detach", reference(tag)] + command).dropLast())
    }

    /// Starts a command in a container.
    func exec(_ container: String, _ command: String...) throws -> RunningProgram {
        try user.start("podman", options + ["exec", container] + command)
    }

    /// Runs a shell script in the tree of an image that was pulled, mounted by podman.
    func look(into tag: String, _ script: String) throws -> String {
        let podman = "podman " + options.joined(separator: " ")
        let mounted =
            "cd \"$(\(podman) image mount \(reference(tag)))\" && (\(script)); cd / && \(podman) image umount \(reference(tag)) >&2"
        return try user.kind == .root ? user.succeed("sh", ["-c", mounted]) : user.succeed("podman", ["unshare", "sh", "-c", mounted])
    }

    /// Where the store has the only layer of an image.
    func directory(of tag: String) throws -> String {
        let manifest = try TestSupport.run("skopeo", ["inspect", "--raw", "--tls-verify=false", "docker://\(reference(tag))"]).outputText
        guard let digest = manifest.matches(of: #/"digest":\s*"(sha256:[0-9a-f]+)"/#).last?.1 else { throw TestFailure(manifest) }
        let name = try TestSupport.run("sh", ["-c", "printf %s \(reference(tag)) | base64 -w0"]).outputText
        return "\(mountpoint)/\(name)/\(digest)"
    }

    /// Notes of used layers.
    func used() throws -> [String] { try Files.entries(root + "/store/used") }
}
