import ArgumentParser
import ContainerRun

/// What a container's network is, and who it is there.
struct NetworkArguments: ParsableArguments {
    @Option(
        name: [.customLong("network"), .customLong("net")],
        help: ArgumentHelp("host: this machine's; none: a loopback and nothing else.", valueName: "host|none"),
        transform: NetworkArguments.network)
    var network = ContainerNetwork.host

    @Option(
        name: [.customShort("h", allowingJoined: true), .customLong("hostname")], help: ArgumentHelp("Host name.", valueName: "name"))
    var hostname: String?

    @Option(
        name: .customLong("add-host"), help: ArgumentHelp("Add a line to /etc/hosts (repeatable).", valueName: "name:address"),
        transform: HostEntry.init(parsing:))
    var hosts: [HostEntry] = []

    private static func network(_ text: String) throws -> ContainerNetwork {
        guard let network = ContainerNetwork(rawValue: text) else {
            throw ValidationError("expected \(ContainerNetwork.allCases.map(\.rawValue).joined(separator: " or "))")
        }
        return network
    }

    func validate() throws {
        // What sethostname(2) takes.
        if let hostname, hostname.isEmpty || hostname.utf8.count > 64 || hostname.contains(where: \.isWhitespace) {
            throw ValidationError("--hostname \(hostname): expected a name of at most 64 bytes")
        }
    }
}
