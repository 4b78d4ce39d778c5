internal import FoundationEssentials
internal import StartTrace
internal import Threads

/// Tokens of registries, by registry and scope. One request for a token at a time per key: whoever comes meanwhile waits for the same.
actor Authorizer {
    private let credentials: CredentialSource
    private let executor: any TaskExecutor
    private let exchange: @Sendable (HTTPRequest) async throws(RegistryError) -> (HTTPHead, [UInt8])
    private var known: [Key: String] = [:]
    private var asking: [Key: Task<Answer, any Error>] = [:]

    struct Key: Hashable {
        /// Whose credentials.
        var host: String
        /// The registry that it serves, perhaps as a mirror.
        var registry: String
        /// The host that asks: what one got is not another's, even of the same name.
        var endpoint: String
        var scope: String
    }

    /// A value for the `Authorization` header; nil when there is nothing to offer.
    struct Answer: Sendable {
        var header: String?
        var hadCredentials: Bool
    }

    private struct Token: Decodable {
        var token: String?
        var access_token: String?
    }

    init(
        credentials: CredentialSource, executor: any TaskExecutor,
        exchange: @escaping @Sendable (HTTPRequest) async throws(RegistryError) -> (HTTPHead, [UInt8])
    ) {
        self.credentials = credentials
        self.executor = executor
        self.exchange = exchange
    }

    /// What to send with a request from the start; nil until a registry asked for something.
    func header(for key: Key) -> String? { known[key] }

    /// Answers a challenge.
    ///
    /// - Parameters:
    ///   - rejected: the header that was refused; a newer one that somebody got meanwhile is answered at once.
    ///   - connection: how the server of tokens is reached.
    func answer(
        _ challenge: Challenge, for key: Key, rejected: String?, over connection: RegistryHost.Connection
    ) async throws(RegistryError) -> Answer {
        if let header = known[key], header != rejected { return Answer(header: header, hadCredentials: true) }
        let task: Task<Answer, any Error>
        if let running = asking[key] {
            task = running
        } else {
            task = Task(executorPreference: executor) { try await self.fetch(challenge, key, connection) }
            asking[key] = task
        }
        defer { asking[key] = nil }
        do {
            let answer = try await task.value
            known[key] = answer.header
            return answer
        } catch {
            throw error as? RegistryError ?? .cancelled
        }
    }

    // A helper program may take its time, which the transport's thread has not.
    private func credential(_ key: Key) async throws(RegistryError) -> Credential? {
        let repository = key.registry + "/" + RegistryClient.name(key.scope)
        do {
            return try await BlockingTask.run { [credentials] in try credentials.credential(for: key.host, repository: repository) }
        } catch {
            throw error as? RegistryError ?? .system("\(error)")
        }
    }

    private func fetch(
        _ challenge: Challenge, _ key: Key, _ connection: RegistryHost.Connection
    ) async throws(RegistryError) -> Answer {
        let credential = try await self.credential(key)
        switch challenge {
        case .basic: return Answer(header: credential?.basic, hadCredentials: credential != nil)
        case .bearer(let realm, let service, let scope):
            var request = Authorizer.request(realm, service, scope ?? key.scope, credential)
            request.connection = connection
            (request.kind, request.subject) = (.token, scope ?? key.scope)
            let (head, body) = try await exchange(request)
            guard head.status == 200 else {
                let host = URLText.host(realm)
                if head.status == 401 || head.status == 403 { return Answer(header: nil, hadCredentials: credential != nil) }
                throw .status(host: host, what: "token for \(key.scope)", status: head.status, message: "")
            }
            let token = (try? JSONDecoder().decode(Token.self, from: Data(body))).flatMap { $0.token ?? $0.access_token }
            guard let token, !token.isEmpty else {
                throw .badAnswer(host: URLText.host(realm), what: "token for \(key.scope)", reason: "no token in the answer")
            }
            return Answer(header: "Bearer " + token, hadCredentials: credential != nil)
        }
    }

    private static func request(_ realm: String, _ service: String?, _ scope: String, _ credential: Credential?) -> HTTPRequest {
        if let token = credential?.identityToken {
            let form = [
                "grant_type": "refresh_token", "service": service ?? "", "scope": scope, "refresh_token": token, "client_id": "starling",
            ]
            let body = form.sorted { $0.key < $1.key }.map { "\($0.key)=\(URLText.escaped($0.value))" }.joined(separator: "&")
            return HTTPRequest(
                "POST", realm, headers: ["Content-Type": "application/x-www-form-urlencoded"], body: .bytes(Array(body.utf8)))
        }
        var url = realm
        if let service { url = URLText.adding("service", service, to: url) }
        for part in scope.split(separator: " ") { url = URLText.adding("scope", String(part), to: url) }
        return HTTPRequest("GET", url, headers: credential.map { ["Authorization": $0.basic] } ?? [:])
    }
}
