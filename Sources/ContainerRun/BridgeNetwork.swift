internal import Glibc
internal import HostSystem
internal import OCI

/// The network that containers share behind a bridge of this machine, by Debian's CNI plugins.
///
///     container's eth0 ── veth ── starling0 (10.89.0.1/16) ── forwarding, masquerading ── the world
///                                      ▲ portmap: ports of this machine
///
/// The bridge and one rule that masquerades stay, for all containers of all roots, as docker's do; addresses are in /var/lib/cni/networks. What is
/// one container's is in its `network.json`, by which it is taken down, also after its process was killed.
struct BridgeNetwork {
    /// The container's directory.
    let directory: String
    /// The container's id.
    let id: String

    static let bridge = "starling0"
    /// Beside docker's 172.17.0.0/16 and podman's 10.88.0.0/16.
    static let subnet = "10.89.0.0/16"
    static let gateway = "10.89.0.1"
    private static let name = "starling"

    private var namespace: String { directory + "/netns" }
    private var file: String { BridgeNetwork.file(directory) }

    /// What was set up.
    struct Connection: Codable {
        /// Address of the container.
        var address: String
        /// Ports of this machine, each with a number.
        var ports: [PortMapping]
        /// What the last plugin said.
        var result: JSONValue
    }

    /// Connects the container: makes its network namespace, and an interface in there.
    ///
    /// - Throws: `ContainerError.network`, or `HostError`.
    func connect(_ ports: [PortMapping]) throws -> Connection {
        try NetworkNamespace.make(at: namespace)
        try NetworkPlugin(type: "loopback", container: id).run(
            "ADD", namespace: namespace, interface: "lo", configuration("loopback", ports, nil))
        try BridgeNetwork.masquerade()
        var connection = Connection(address: "", ports: try ports.map { try $0.withHostPort() }, result: .null)
        // What is begun is known, so that it can be taken down.
        try write(connection)
        for type in BridgeNetwork.plugins(connection.ports) {
            let previous: JSONValue? = connection.result == .null ? nil : connection.result
            let result = try NetworkPlugin(type: type, container: id).run(
                "ADD", namespace: namespace, interface: "eth0", configuration(type, connection.ports, previous))
            connection.result = result ?? .null
        }
        let text = connection.result["ips"]?.array?.first?["address"]?.string ?? ""
        connection.address = String(text.prefix { $0 != "/" })
        try write(connection)
        return connection
    }

    /// Takes down what was set up; nothing set up is no error.
    func disconnect() throws {
        guard let connection = try BridgeNetwork.connection(directory) else { return }
        // Mounted for the process that made it; gone when that was killed, and the plugins know what that means.
        let place = try Files.exists(namespace) && Mounts.mountPoint(at: namespace) != nil ? namespace : ""
        let previous: JSONValue? = connection.result == .null ? nil : connection.result
        // A step that fails is told once, and keeps neither the others nor the container from going.
        var failure: (any Error)?
        for type in BridgeNetwork.plugins(connection.ports).reversed() {
            do {
                try NetworkPlugin(type: type, container: id).run(
                    "DEL", namespace: place, interface: "eth0", configuration(type, connection.ports, previous))
            } catch {
                failure = failure ?? error
            }
        }
        try Files.remove(file)
        if let failure { throw failure }
    }

    /// The connection of a container; nil when it has none.
    static func connection(_ directory: String) throws -> Connection? {
        try ContainerDirectory.read(Connection.self, file(directory))
    }

    private static func file(_ directory: String) -> String { directory + "/network.json" }

    private func write(_ connection: Connection) throws {
        try AtomicFile.write(try Documents.encode(connection), to: file, mode: 0o600, durably: false)
    }

    private static func plugins(_ ports: [PortMapping]) -> [String] { ["bridge"] + (ports.isEmpty ? [] : ["portmap"]) + ["firewall"] }

    private func configuration(_ type: String, _ ports: [PortMapping], _ previous: JSONValue?) -> JSONValue {
        var members: [String: JSONValue] = [
            "cniVersion": .string(NetworkPlugin.version), "name": .string(BridgeNetwork.name), "type": .string(type),
        ]
        switch type {
        case "bridge":
            members["bridge"] = .string(BridgeNetwork.bridge)
            members["isGateway"] = .bool(true)
            members["hairpinMode"] = .bool(true)
            members["ipam"] = .object([
                "type": .string("host-local"), "routes": .array([.object(["dst": .string("0.0.0.0/0")])]),
                "ranges": .array([
                    .array([.object(["subnet": .string(BridgeNetwork.subnet), "gateway": .string(BridgeNetwork.gateway)])])
                ]),
            ])
        case "portmap":
            members["snat"] = .bool(true)
            members["runtimeConfig"] = .object(["portMappings": .array(ports.map(\.json))])
        default: break
        }
        if let previous { members["prevResult"] = previous }
        return .object(members)
    }

    /// One rule for the whole network, that stays.
    private static func masquerade() throws {
        let rule = ["POSTROUTING", "-s", subnet, "!", "-d", subnet, "-j", "MASQUERADE"]
        guard try iptables(["-C"] + rule).status != 0 else { return }
        let result = try iptables(["-A"] + rule)
        guard result.status == 0 else {
            throw ContainerError.network("iptables: " + (result.errorText.split(separator: "\n").first.map(String.init) ?? "failed"))
        }
    }

    private static func iptables(_ arguments: [String]) throws(HostError) -> Program.Result {
        try Program.run(try Paths.executable("iptables"), ["-w", "-t", "nat"] + arguments)
    }
}

extension PortMapping {
    /// The same with a port of this machine that is free now, where none was chosen.
    func withHostPort() throws(HostError) -> PortMapping {
        guard hostPort == nil else { return self }
        var result = self
        result.hostPort = try FreePort.find(isStream: transport == "tcp")
        return result
    }

    /// As the plugin wants it.
    fileprivate var json: JSONValue {
        var members: [String: JSONValue] = [
            "hostPort": .integer(Int64(hostPort ?? 0)), "containerPort": .integer(Int64(containerPort)), "protocol": .string(transport),
        ]
        if let address { members["hostIP"] = .string(address) }
        return .object(members)
    }
}
