internal import HostSystem

/// An OCI runtime: runc, or crun, which takes the same command line.
struct ContainerRuntime: Sendable {
    /// Path of the program.
    let program: String

    /// How long a runtime may take to delete a container: it kills its processes and waits for the kernel.
    private static let deleteDeadline = Duration.seconds(20)

    /// Finds the runtime of that name or path; runc, else crun, for nil.
    init(_ name: String?) throws(HostError) {
        program = if let name { try Paths.executable(name) } else { try Paths.executable("runc", "crun") }
    }

    /// Arguments that run a bundle in the foreground. The runtime's own state is in the bundle, so that it goes with it.
    func runArguments(_ bundle: ContainerBundle) -> [String] {
        stateArguments(bundle.path) + [
            "--log", bundle.logFile, "--log-format", "json", "run", "--bundle", bundle.path, "--pid-file", bundle.pidFile, bundle.id,
        ]
    }

    /// Kills and forgets whatever is left of a bundle's container; no container is no error.
    func delete(id: String, bundle path: String) throws(HostError) {
        guard Files.exists(path + "/runtime/" + id) else { return }
        _ = try Program.run(program, stateArguments(path) + ["delete", "--force", id], deadline: ContainerRuntime.deleteDeadline)
    }

    private func stateArguments(_ bundle: String) -> [String] { ["--root", bundle + "/runtime"] }
}
