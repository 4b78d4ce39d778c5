/// What a 401 asks for: the `WWW-Authenticate` header (RFC 9110; distribution's "Token Authentication").
enum Challenge: Equatable {
    /// User name and password with every request.
    case basic
    /// A token from a server.
    case bearer(realm: String, service: String?, scope: String?)

    /// Parses a header that may hold several challenges; a token is preferred.
    init?(_ header: String?) {
        guard let header else { return nil }
        let lower = header.lowercased()
        if let start = lower.firstRange(of: "bearer ")?.upperBound {
            let parameters = Challenge.parameters(header[start...])
            if let realm = parameters["realm"] {
                self = .bearer(realm: realm, service: parameters["service"], scope: parameters["scope"])
                return
            }
        }
        guard lower.contains("basic") else { return nil }
        self = .basic
    }

    private static func parameters(_ text: Substring) -> [String: String] {
        var found: [String: String] = [:]
        var rest = text
        while let equals = rest.firstIndex(of: "=") {
            let name = rest[..<equals].drop { $0 == "," || $0 == " " }.lowercased()
            rest = rest[rest.index(after: equals)...]
            let value: Substring
            if rest.first == "\"" {
                rest = rest.dropFirst()
                value = rest.prefix { $0 != "\"" }
                rest = rest.dropFirst(value.count + 1)
            } else {
                value = rest.prefix { $0 != "," && $0 != " " }
                rest = rest.dropFirst(value.count)
            }
            if found[name] == nil { found[name] = String(value) }
        }
        return found
    }
}
