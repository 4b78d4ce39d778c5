import Glibc
import HostSystem
import TestSupport
import Testing

/// Who runs containers in a test.
enum ContainerUserKind: String, CaseIterable, CustomTestStringConvertible {
    case root
    case ordinary

    var testDescription: String { self == .root ? "root" : "an ordinary user" }
}

/// Somebody with a home and a runtime directory of their own, who runs programs; an ordinary user is made for it, and removed at the end.
final class ContainerUser: Sendable {
    let kind: ContainerUserKind
    /// What is theirs.
    let home: String
    private let directory: TemporaryDirectory
    /// podman takes no state directory whose path is longer than 50 bytes.
    private let runtime: TemporaryDirectory

    private static let name = "starling-test"

    /// - Parameter hasOtherIDs: whether an ordinary user has ids to give out beside their own.
    init(_ kind: ContainerUserKind, hasOtherIDs: Bool = true) throws {
        try requireRoot()
        self.kind = kind
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        runtime = try TemporaryDirectory(in: "/tmp")
        home = directory.path
        guard kind == .ordinary else { return }
        for (program, package) in [("newuidmap", "uidmap"), ("setpriv", "util-linux"), ("useradd", "passwd")] {
            try requireProgram(program, package: package)
        }
        if try Program.run("id", [Self.name]).status != 0 {
            try TestSupport.run("useradd", ["--no-create-home", "--home-dir", home, Self.name])
        }
        if !hasOtherIDs { try TestSupport.run("sed", ["-i", "/^\(Self.name):/d", "/etc/subuid", "/etc/subgid"]) }
        for path in [home, runtime.path] { try TestSupport.run("chown", ["\(Self.name):", path]) }
        // As udev has it where there is one.
        try TestSupport.run("chmod", ["0666", "/dev/fuse"])
    }

    deinit {
        guard kind == .ordinary else { return }
        // podman's process for the user's namespaces, the last one that is theirs.
        if let text = try? Files.read(runtime.path + "/libpod/tmp/pause.pid", limit: 64),
            let process = Int32(String(decoding: text, as: UTF8.self).prefix { $0.isNumber })
        {
            kill(process, SIGKILL)
        }
        _ = try? Program.run("userdel", ["--force", Self.name])
    }

    /// Directory of what goes with a boot.
    var runtimeDirectory: String { runtime.path }

    private var environment: [String] {
        [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=\(home)", "XDG_RUNTIME_DIR=\(runtime.path)",
            "CONTAINERS_STORAGE_CONF=\(home)/storage.conf", "TMPDIR=\(home)",
        ]
    }

    private func words(_ program: String, _ arguments: [String]) throws -> (program: String, arguments: [String]) {
        guard kind == .ordinary else { return (try requireProgram(program), arguments) }
        let become = ["--reuid", Self.name, "--regid", Self.name, "--init-groups"]
        return (try requireProgram("setpriv"), become + [try requireProgram(program)] + arguments)
    }

    /// Runs the command line under test to its end, whatever that is.
    func starling(_ arguments: [String], deadline: Duration = .seconds(120)) throws -> Program.Result {
        try run(Places.product("starling"), arguments, deadline: deadline)
    }

    /// Runs a program to its end, whatever that is.
    func run(_ program: String, _ arguments: [String], deadline: Duration = .seconds(120)) throws -> Program.Result {
        let (program, arguments) = try words(program, arguments)
        return try Program.run(program, arguments, environment: environment, workingDirectory: home, deadline: deadline)
    }

    /// Runs a program and fails unless it ends with 0.
    @discardableResult
    func succeed(_ program: String, _ arguments: [String], deadline: Duration = .seconds(120)) throws -> String {
        let result = try run(program, arguments, deadline: deadline)
        guard result.status == 0 else {
            throw TestFailure(
                "\(program) \(arguments.joined(separator: " ")) ended with \(result.status): \(result.errorText.suffix(2000))")
        }
        return result.outputText
    }

    /// Starts a program and goes on.
    func start(_ program: String, _ arguments: [String]) throws -> RunningProgram {
        let (program, arguments) = try words(program, arguments)
        return try RunningProgram(program, arguments, environment: environment)
    }

    /// Writes a file that is theirs.
    func write(_ text: String, to name: String) throws {
        try AtomicFile.write(Array(text.utf8), to: home + "/" + name)
    }
}
