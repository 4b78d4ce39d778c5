/// A port of this machine that leads to one of a container.
public struct PortMapping: Codable, Equatable, Sendable, CustomStringConvertible {
    /// Address of this machine; nil for all.
    public var address: String?
    /// Port of this machine; nil for any that is free.
    public var hostPort: UInt16?
    /// Port of the container.
    public var containerPort: UInt16
    /// `tcp`, `udp` or `sctp`.
    public var transport: String

    /// Parses docker's `[[ADDRESS:][PORT]:]PORT[/tcp|udp|sctp]`, ports also as ranges of the same length.
    public static func parse(_ text: String) throws(InvalidOption) -> [PortMapping] {
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let transport = halves.count > 1 ? halves[1].lowercased() : "tcp"
        guard ["tcp", "udp", "sctp"].contains(transport) else {
            throw InvalidOption(text: text, reason: "expected tcp, udp or sctp behind the /")
        }
        var (rest, address) = (halves[0][...], String?.none)
        if rest.hasPrefix("["), let end = rest.firstIndex(of: "]") {
            address = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[rest.index(after: end)...].drop { $0 == ":" }
        }
        var parts = rest.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 3 { address = parts.removeFirst() }
        if let address, !HostEntry.isAddress(address) { throw InvalidOption(text: text, reason: "\"\(address)\" is no address") }
        guard parts.count <= 2, let inside = parts.last.flatMap(range) else {
            throw InvalidOption(text: text, reason: "expected [[ADDRESS:]PORT:]PORT[/tcp|udp|sctp]")
        }
        let outside = parts.count == 2 && !parts[0].isEmpty ? range(parts[0]) : nil
        guard parts.count == 1 || parts[0].isEmpty || outside?.count == inside.count else {
            throw InvalidOption(text: text, reason: "the ports of this machine are not as many as the container's")
        }
        return inside.enumerated().map { index, port in
            PortMapping(
                address: address, hostPort: outside.map { $0[$0.index($0.startIndex, offsetBy: index)] }, containerPort: port,
                transport: transport)
        }
    }

    private static func range(_ text: String) -> [UInt16]? {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { UInt16($0) }
        guard let first = ends.first ?? nil, let last = ends.last ?? nil, first > 0, first <= last else { return nil }
        return Array(first...last)
    }

    /// As docker lists it: `0.0.0.0:8080->80/tcp`.
    public var description: String {
        (hostPort.map { "\(address ?? "0.0.0.0"):\($0)->" } ?? "") + "\(containerPort)/\(transport)"
    }
}
