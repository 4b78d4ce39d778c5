internal import HostSystem

/// The program that a container starts with. Looked up before the runtime does, so that the message names the image and the exit
/// status is docker's whichever runtime it is.
struct ContainerProgram {
    private let program: String
    private let candidates: [String]

    /// The program of a new container.
    init(_ spec: ContainerSpec) {
        self.init(spec.arguments[0], workingDirectory: spec.workingDirectory, path: spec.variable("PATH"))
    }

    init(_ program: String, workingDirectory: String, path: String?) {
        self.program = program
        if program.contains("/") {
            // A relative path with a slash counts from the working directory.
            candidates = [program.hasPrefix("/") ? program : workingDirectory + "/" + program]
        } else {
            candidates = (path ?? ContainerSpec.defaultPath).split(separator: ":").map { $0 + "/" + program }
        }
    }

    /// - Throws: `.commandNotFound` or `.commandNotExecutable`.
    func check(in root: RootedDirectory, image: String) throws {
        var problem: ContainerError?
        for candidate in candidates {
            guard let facts = try root.facts(candidate) else { continue }
            if facts.isRegularFile, facts.isExecutable { return }
            let reason = facts.isDirectory ? "it is a directory" : "permission denied"
            // A directory or text that shares the name may come before the program in PATH; it counts only if nothing better comes.
            problem = problem ?? .commandNotExecutable(program, image: image, reason: reason)
        }
        throw problem ?? .commandNotFound(program, image: image)
    }
}
