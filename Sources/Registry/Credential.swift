internal import FoundationEssentials

/// A user name and what proves it, for one registry.
public struct Credential: Sendable, Equatable {
    /// The user's name; empty with an identity token.
    public var user: String
    /// What proves it.
    public var password: String
    /// An OAuth2 refresh token in place of a password.
    public var identityToken: String?

    /// A user, or a token.
    public init(user: String, password: String, identityToken: String? = nil) {
        self.user = user
        self.password = password
        self.identityToken = identityToken
    }

    /// From `user:password` in base64, as docker keeps it; nil when it is not.
    public init?(encoded: String) {
        guard let data = Data(base64Encoded: encoded) else { return nil }
        let text = String(decoding: data, as: UTF8.self)
        guard let colon = text.firstIndex(of: ":") else { return nil }
        self.init(user: String(text[..<colon]), password: text[text.index(after: colon)...].filter { $0 != "\0" })
    }

    /// Value of a Basic `Authorization` header.
    public var basic: String { "Basic " + Data("\(user):\(password)".utf8).base64EncodedString() }
}
