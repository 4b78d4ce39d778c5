import ArgumentParser
import ContainerRun

/// What a container's network is, and who it is there.
struct NetworkArguments: ParsableArguments {
    @Option(
        name: [.customLong("network"), .customLong("net")],
        help: ArgumentHelp(
            "host: this machine's; none: a loopback and nothing else; bridge: one of its own behind a bridge. (default: host; bridge with -p)",
            valueName: "host|none|bridge"),
        transform: NetworkArguments.network)
    var chosen: ContainerNetwork?

    @Option(
        name: [.customShort("p", allowingJoined: true), .customLong("publish")],
        help: ArgumentHelp(
            "Have a port of this machine lead to one of the container (repeatable).", valueName: "[[address:]port:]port[/udp]"),
        transform: PortMapping.parse)
    var portLists: [[PortMapping]] = []

    @Option(
        name: [.customShort("h", allowingJoined: true), .customLong("hostname")], help: ArgumentHelp("Host name.", valueName: "name"))
    var hostname: String?

    @Option(
        name: .customLong("add-host"), help: ArgumentHelp("Add a line to /etc/hosts (repeatable).", valueName: "name:address"),
        transform: HostEntry.init(parsing:))
    var hosts: [HostEntry] = []

    /// The network that was chosen, or that the ports need.
    var network: ContainerNetwork { chosen ?? (portLists.isEmpty ? .host : .bridge) }

    var ports: [PortMapping] { portLists.flatMap { $0 } }

    private static func network(_ text: String) throws -> ContainerNetwork {
        guard let network = ContainerNetwork(rawValue: text == "default" ? "bridge" : text) else {
            throw ValidationError("expected \(ContainerNetwork.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return network
    }

    func validate() throws {
        guard portLists.isEmpty || network == .bridge else {
            throw ValidationError("-p needs --network bridge; on the host's network the container's ports are the machine's")
        }
        // What sethostname(2) takes.
        if let hostname, hostname.isEmpty || hostname.utf8.count > 64 || hostname.contains(where: \.isWhitespace) {
            throw ValidationError("--hostname \(hostname): expected a name of at most 64 bytes")
        }
    }
}
