public import Digests

/// The name of an image: registry, repository, and a tag, a digest or both.
///
/// Parsed and normalized as docker does: `python` is `docker.io/library/python:latest`; the part before the first slash is a
/// registry when it has a dot or a colon or is `localhost`.
public struct Reference: Hashable, Sendable, CustomStringConvertible {
    /// Host and optional port of the registry, such as `docker.io` or `127.0.0.1:5000`.
    public let registry: String
    /// Path of the repository within the registry, such as `library/python`.
    public let repository: String
    /// Tag; nil when only a digest was given.
    public let tag: String?
    /// Digest of the manifest or index.
    public let digest: Digest?

    /// Longest name (registry and repository) that registries accept, in bytes (distribution's reference grammar).
    public static let maximumNameLength = 255

    /// Names an image from parts that are known to be valid.
    public init(registry: String, repository: String, tag: String?, digest: Digest? = nil) {
        self.registry = registry
        self.repository = repository
        self.tag = tag
        self.digest = digest
    }

    /// Parses `[registry/]repository[:tag][@digest]`.
    public init(parsing text: String) throws(ReferenceError) {
        var rest = text[...]
        var digest: Digest?
        if let at = rest.lastIndex(of: "@") {
            do {
                digest = try Digest(parsing: rest[rest.index(after: at)...])
            } catch {
                throw ReferenceError(text: text, reason: error.description)
            }
            rest = rest[..<at]
        }
        var tag: String?
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("/") {
            let candidate = rest[rest.index(after: colon)...]
            guard Reference.isTag(candidate) else { throw ReferenceError(text: text, reason: "the tag is not valid") }
            tag = String(candidate)
            rest = rest[..<colon]
        }
        var registry = "docker.io"
        if let slash = rest.firstIndex(of: "/") {
            let first = rest[..<slash]
            if first.contains(".") || first.contains(":") || first == "localhost" {
                registry = String(first)
                rest = rest[rest.index(after: slash)...]
            }
        }
        if registry == "index.docker.io" { registry = "docker.io" }
        if registry == "docker.io", !rest.contains("/"), !rest.isEmpty { rest = ("library/" + rest)[...] }
        guard Reference.isRegistry(registry) else { throw ReferenceError(text: text, reason: "the registry name is not valid") }
        guard Reference.isRepository(rest) else {
            let reason =
                rest.contains(where: \.isUppercase) ? "a repository name is lower case" : "the repository name is not valid"
            throw ReferenceError(text: text, reason: reason)
        }
        guard registry.utf8.count + 1 + rest.utf8.count <= Reference.maximumNameLength else {
            throw ReferenceError(text: text, reason: "the name is longer than \(Reference.maximumNameLength) bytes")
        }
        if tag == nil, digest == nil { tag = "latest" }
        self.init(registry: registry, repository: String(rest), tag: tag, digest: digest)
    }

    /// Registry and repository, without tag or digest.
    public var name: String { "\(registry)/\(repository)" }

    /// The full, normalized name.
    public var description: String {
        name + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    /// What a registry is asked for: the digest when there is one, else the tag.
    public var manifestSelector: String { digest?.description ?? tag ?? "latest" }

    /// The same repository at a digest.
    public func at(_ digest: Digest) -> Reference {
        Reference(registry: registry, repository: repository, tag: nil, digest: digest)
    }

    /// Whether the registry is on this machine's loopback, where plain HTTP is tried unasked, as docker does.
    public var registryIsLoopback: Bool {
        let host: Substring
        if registry.hasPrefix("["), let end = registry.firstIndex(of: "]") {
            host = registry[registry.index(after: registry.startIndex)..<end]
        } else {
            host = registry.prefix { $0 != ":" }
        }
        return host == "localhost" || host == "::1" || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." })
    }

    // Grammar of distribution's "reference" package, read as facts: component = [a-z0-9]+ ((. | _ | __ | -+) [a-z0-9]+)*
    private static func isRepository(_ path: Substring) -> Bool {
        path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { component in
            var separators = ""
            guard let first = component.unicodeScalars.first, isAlphanumeric(first) else { return false }
            for scalar in component.unicodeScalars {
                if isAlphanumeric(scalar) {
                    guard isSeparator(separators) else { return false }
                    separators = ""
                } else {
                    separators.unicodeScalars.append(scalar)
                }
            }
            return separators.isEmpty
        }
    }

    private static func isSeparator(_ text: String) -> Bool {
        text.isEmpty || text == "." || text == "_" || text == "__" || text.allSatisfy { $0 == "-" }
    }

    private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar)
    }

    private static func isTag(_ tag: Substring) -> Bool {
        guard let first = tag.utf8.first, tag.utf8.count <= 128, first != UInt8(ascii: "."), first != UInt8(ascii: "-") else {
            return false
        }
        return tag.unicodeScalars.allSatisfy { isAlphanumeric($0) || ("A"..."Z").contains($0) || $0 == "_" || $0 == "." || $0 == "-" }
    }

    private static func isRegistry(_ registry: String) -> Bool {
        var host = registry[...]
        if registry.hasPrefix("[") {
            guard let end = registry.firstIndex(of: "]") else { return false }
            let address = registry[registry.index(after: registry.startIndex)..<end]
            guard !address.isEmpty, address.utf8.allSatisfy(isAddressByte) else { return false }
            let port = registry[registry.index(after: end)...]
            return port.isEmpty || (port.hasPrefix(":") && isPort(port.dropFirst()))
        }
        if let colon = host.firstIndex(of: ":") {
            guard isPort(host[host.index(after: colon)...]) else { return false }
            host = host[..<colon]
        }
        return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.unicodeScalars.allSatisfy { isAlphanumeric($0) || ("A"..."Z").contains($0) || $0 == "-" }
        }
    }

    // Character.isHexDigit takes full-width digits too, which no resolver knows.
    private static func isAddressByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"),
            UInt8(ascii: ":"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private static func isPort(_ text: Substring) -> Bool {
        !text.isEmpty && text.allSatisfy(\.isNumber) && UInt16(text) != nil
    }
}

/// Why a text is not an image reference.
public struct ReferenceError: Error, Equatable, CustomStringConvertible {
    /// What was given.
    public let text: String
    /// What is wrong with it.
    public let reason: String

    /// One line for the user.
    public var description: String {
        "invalid image reference \"\(text)\": \(reason); expected [REGISTRY/]REPOSITORY[:TAG][@DIGEST]"
    }
}
