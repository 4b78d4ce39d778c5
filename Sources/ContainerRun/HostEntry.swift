internal import Glibc

/// A line of the container's /etc/hosts.
public struct HostEntry: Equatable, Sendable {
    /// Name that is looked up.
    public let name: String
    /// Its address; nil for the machine that the container runs on, docker's `host-gateway`.
    public let address: String?

    /// Parses docker's `NAME:ADDRESS` (also `NAME=ADDRESS`).
    public init(parsing text: String) throws(InvalidOption) {
        guard let separator = text.firstIndex(where: { $0 == ":" || $0 == "=" }), separator > text.startIndex else {
            throw InvalidOption(text: text, reason: "expected NAME:ADDRESS")
        }
        name = String(text[..<separator])
        var given = text[text.index(after: separator)...]
        if given == "host-gateway" {
            address = nil
            return
        }
        if given.hasPrefix("["), given.hasSuffix("]") { given = given.dropFirst().dropLast() }
        guard HostEntry.isAddress(String(given)), !name.contains(where: \.isWhitespace) else {
            throw InvalidOption(text: text, reason: "expected NAME:ADDRESS, the address one of IPv4 or IPv6, or host-gateway")
        }
        address = String(given)
    }

    static func isAddress(_ text: String) -> Bool {
        var bytes = in6_addr()
        return inet_pton(AF_INET, text, &bytes) == 1 || inet_pton(AF_INET6, text, &bytes) == 1
    }

    func line(gateway: String) -> String { "\(address ?? gateway)\t\(name)\n" }
}
