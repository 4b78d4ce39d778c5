internal import HostSystem
internal import StartTrace

/// A request, complete.
struct HTTPRequest: Sendable {
    /// What is sent with it.
    enum Body: Sendable {
        case none
        case bytes([UInt8])
        /// A part of a file, in bytes.
        case file(TemporaryFile, Range<Int64>)

        /// A part of it; the range is within it.
        func part(_ range: Range<Int64>) -> Body {
            switch self {
            case .none: .none
            case .bytes(let bytes): .bytes(Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]))
            case .file(let file, let whole): .file(file, whole.lowerBound + range.lowerBound..<whole.lowerBound + range.upperBound)
            }
        }
    }

    var method: String
    var url: String
    var headers: [String: String] = [:]
    var body: Body = .none
    /// Time without a byte after which it is given up.
    var silence = Duration.seconds(30)
    /// The same once an answer has begun to come, when that is less.
    var silenceInAnswer = Duration.seconds(10)
    /// Whether it is only tried, and a connection that hangs is given up early.
    var isProbe = false
    /// What it is for, and of what: for traces.
    var (kind, subject) = (TraceRequest.Kind.other, "")
    /// How the connection is made.
    var connection = RegistryHost.Connection()

    init(_ method: String, _ url: String, headers: [String: String] = [:], body: Body = .none) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// Status and headers of an answer; header names in lower case.
struct HTTPHead: Sendable, Equatable {
    var status = 0
    /// Where it came from.
    var url = ""
    var headers: [String: String] = [:]

    subscript(name: String) -> String? { headers[name] }
}

/// What the receiver of an answer's bytes wants next.
enum Appetite: Sendable {
    /// Go on.
    case more
    /// Nothing was taken; offer the same bytes again after `Transport.resume`.
    case pause
    /// End the transfer; it counts as complete.
    case stop
}

/// Parts of URLs, for redirects and scopes. Only what registries use: absolute http(s) URLs, paths and queries.
enum URLText {
    /// Host and port of an absolute URL.
    static func host(_ url: String) -> String {
        guard let start = url.firstRange(of: "://")?.upperBound else { return "" }
        let authority = url[start...].prefix { $0 != "/" && $0 != "?" }
        return String(authority.split(separator: "@").last ?? authority)
    }

    /// Scheme, host and port of an absolute URL: what may see an authorization.
    static func origin(_ url: String) -> String { (url.hasPrefix("https:") ? "https://" : "http://") + host(url).lowercased() }

    /// Whether a text is a whole URL and not a path (a repository may be called `httpd`).
    static func isAbsolute(_ text: String) -> Bool { text.hasPrefix("http://") || text.hasPrefix("https://") }

    /// A `Location` relative to the URL that it came from (RFC 3986, section 5, for absolute URLs, absolute paths and relative paths).
    static func resolve(_ location: String, against base: String) -> String {
        if isAbsolute(location) { return location }
        let scheme = base.hasPrefix("https:") ? "https:" : "http:"
        if location.hasPrefix("//") { return scheme + location }
        let origin = scheme + "//" + host(base)
        if location.hasPrefix("/") { return origin + location }
        let path = base.dropFirst(origin.count).prefix { $0 != "?" }
        return origin + path[...(path.lastIndex(of: "/") ?? path.startIndex)] + location
    }

    /// A URL with one more query item.
    static func adding(_ name: String, _ value: String, to url: String) -> String {
        url + (url.contains("?") ? "&" : "?") + name + "=" + escaped(value)
    }

    /// Percent-encoding of everything that is not unreserved (RFC 3986, section 2.3).
    static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var output: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                output.append(byte)
            default: output += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
