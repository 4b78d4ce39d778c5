internal import Glibc
internal import HostSystem

/// An OCI runtime: runc, or crun, which takes the same command line.
struct ContainerRuntime: Sendable {
    /// Path of the program.
    let program: String
    /// What must be hidden from it; nil for nothing.
    let hiddenDirectory: String?

    /// How long a runtime may take to kill or delete a container: it waits for the kernel.
    private static let callDeadline = Duration.seconds(20)

    /// Finds the runtime of that name or path; for nil crun, which needs half of the time, else runc.
    init(_ name: String?) throws(HostError) {
        program =
            if let name {
                try Paths.executable(name)
            } else if !UserNamespace.isNested, let machine = try? Machine.current(), ContainerRuntime.refusesCrun(machine) {
                try Paths.executable("runc", "crun")
            } else {
                try Paths.executable("crun", "runc")
            }
        hiddenDirectory = ContainerRuntime.isCrun(program) ? ContainerRuntime.secondHierarchy() : nil
    }

    /// Whether crun (1.8) runs no containers of root here: for control groups of the second kind alone it wants to lock memory without limit, which
    /// takes CAP_SYS_RESOURCE.
    static func refusesCrun(_ machine: Machine) -> Bool {
        machine.hasUnifiedCgroups && Capabilities.granted(["CAP_SYS_RESOURCE"], by: machine.boundingCapabilities).isEmpty
    }

    private static func isCrun(_ program: String) -> Bool { program.split(separator: "/").last?.hasPrefix("crun") ?? false }

    /// Where a machine with control groups of both kinds has those of the second, when they have controllers: crun refuses to run there.
    private static func secondHierarchy() -> String? {
        let path = "/sys/fs/cgroup/unified"
        // What is not there, or cannot be read, crun does not see either.
        guard let controllers = try? Files.read(path + "/cgroup.controllers", limit: 4096) else { return nil }
        return controllers.allSatisfy { $0 == UInt8(ascii: "\n") } ? nil : path
    }

    /// Whether it takes filters of system calls that are compiled.
    var takesCompiledFilters: Bool { ContainerRuntime.isCrun(program) }

    /// Differs when the program is another one.
    var identity: String {
        var facts = stat()
        guard stat(program, &facts) == 0 else { return program }
        return "\(program) \(facts.st_ino) \(facts.st_size) \(facts.st_mtim.tv_sec).\(facts.st_mtim.tv_nsec)"
    }

    /// The runtime of a container; when it is not here any more, another one, which can end the container as well.
    init(of record: ContainerRecord) throws(HostError) {
        do throws(HostError) { try self.init(record.runtime) } catch { try self.init(nil) }
    }

    /// Arguments that run a container in the foreground. The runtime's own state is in the container's directory, so that it goes with it.
    func runArguments(_ directory: ContainerDirectory) -> [String] {
        stateArguments(directory.path) + [
            "--log", directory.runtimeLog, "--log-format", "json", "run", "--bundle", directory.path, "--pid-file", directory.pidFile,
            directory.id,
        ]
    }

    /// Arguments that run another process in a container, as the file says.
    func execArguments(id: String, bundle: String, process: String, log: String, pidFile: String, detaches: Bool) -> [String] {
        stateArguments(bundle) + ["--log", log, "--log-format", "json", "exec", "--process", process, "--pid-file", pidFile]
            + (detaches ? ["--detach"] : []) + [id]
    }

    /// Sends a signal to a container's first process.
    ///
    /// - Throws: `ContainerError.runtime` when the runtime says no.
    func kill(id: String, bundle path: String, signal: Int32) throws {
        let result = try call(["kill", id, String(signal)], bundle: path)
        guard result.status == 0 else {
            throw ContainerError.runtime(result.errorText.split(separator: "\n").last.map(String.init) ?? "\(program) failed")
        }
    }

    /// Kills and forgets whatever is left of a bundle's container; no container is no error.
    func delete(id: String, bundle path: String) throws(HostError) {
        guard Files.exists(path + "/runtime/" + id) else { return }
        _ = try call(["delete", "--force", id], bundle: path)
    }

    private func call(_ words: [String], bundle: String) throws(HostError) -> Program.Result {
        try Program.run(
            program, stateArguments(bundle) + words, hiddenDirectory: hiddenDirectory, deadline: ContainerRuntime.callDeadline)
    }

    private func stateArguments(_ bundle: String) -> [String] { ["--root", bundle + "/runtime"] }
}
