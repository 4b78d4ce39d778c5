import ArgumentParser
import ContainerRun
import Glibc
import HostSystem

/// What a container is called, and how long it is kept.
struct NamingArguments: ParsableArguments {
    @Option(help: "Name, by which other commands find it.")
    var name: String?

    @Flag(name: .customLong("rm"), help: "Remove the container when it ends.")
    var remove = false

    @Option(
        name: [.customShort("l", allowingJoined: true), .customLong("label")],
        help: ArgumentHelp("Label it (repeatable).", valueName: "key[=value]"))
    var labelTexts: [String] = []

    @Option(
        name: .customLong("cidfile"), help: ArgumentHelp("Write the container's id to a file, which must not be there.", valueName: "file"))
    var idFile: String?

    /// Labels by their keys; the last of a key counts.
    var labels: [String: String] {
        let pairs = labelTexts.map { text in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            return (parts[0], parts.count > 1 ? parts[1] : "")
        }
        return Dictionary(pairs, uniquingKeysWith: { $1 })
    }

    func validate() throws {
        if let name, !ContainerName.isValid(name) {
            throw ValidationError("--name \(name): expected letters, digits, _ . -, at least two, and one of the first two kinds first")
        }
        for label in labelTexts where label.isEmpty || label.hasPrefix("=") {
            throw ValidationError("--label \(label): expected key=value")
        }
    }

    /// Refuses a file for the id that is there, before anything else is done.
    func checkIDFile() throws {
        if let idFile, Files.exists(idFile) { throw HostError.call(operation: "write the container's id to", path: idFile, code: EEXIST) }
    }

    func writeID(_ id: String) throws {
        if let idFile { try AtomicFile.write(Array(id.utf8), to: idFile) }
    }
}
