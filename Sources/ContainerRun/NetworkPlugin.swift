internal import Glibc
internal import HostSystem
internal import OCI

/// A program that does one step of setting up a container's network (CNI specification 0.4.0): its configuration goes in, what it has done comes out.
struct NetworkPlugin {
    let type: String
    /// Id of the container.
    let container: String

    /// Where Debian's package containernetworking-plugins has them.
    static let directory = "/usr/lib/cni"
    /// What plugins of 2020 and later understand.
    static let version = "0.4.0"
    /// They wait for each other's lock of iptables.
    private static let deadline = Duration.seconds(60)

    /// What a plugin says when it fails.
    private struct Failure: Decodable {
        let msg: String?
        let details: String?
    }

    /// Adds the container to the network, or removes it from there.
    ///
    /// - Parameters:
    ///   - command: `ADD` or `DEL`.
    ///   - namespace: path of the network namespace; empty when it is gone.
    ///   - interface: what the plugin's interface is called in there.
    ///   - configuration: as the plugin's manual page has it, with the result of the plugin before.
    /// - Returns: the result of `ADD`.
    /// - Throws: `ContainerError.network`, or `HostError`.
    @discardableResult
    func run(_ command: String, namespace: String, interface: String, _ configuration: JSONValue) throws -> JSONValue? {
        let program = NetworkPlugin.directory + "/" + type
        guard Files.exists(program) else {
            throw ContainerError.network("\(program) is missing: apt-get install containernetworking-plugins")
        }
        var environment = [
            "CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_IFNAME": interface, "CNI_PATH": NetworkPlugin.directory,
        ]
        environment["CNI_NETNS"] = namespace
        // They start iptables by its name, which is not in the PATH of every user who may be root.
        environment["PATH"] = (Paths.environment("PATH").map { $0 + ":" } ?? "") + "/usr/sbin:/sbin:/usr/bin:/bin"
        let result = try Program.run(
            program, [], input: Documents.encode(configuration), environment: ChildProcess.environment(with: environment),
            deadline: NetworkPlugin.deadline)
        guard result.status == 0 else {
            let failure = try? Documents.decode(Failure.self, from: result.output, what: type)
            let words = [failure?.msg, failure?.details].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: ": ")
            throw ContainerError.network(
                "\(program): " + (words.isEmpty ? result.errorText : words).split(separator: "\n").joined(separator: " "))
        }
        return command == "ADD" ? try Documents.decode(JSONValue.self, from: result.output, what: "result of \(program)") : nil
    }
}
