internal import OCI
internal import StartTrace
internal import Synchronization

// Registry: the distribution protocol over libcurl.
//
//   RegistryClient ─▶ exchange (scheme, authorization, redirects) ─▶ Transport (one thread, curl multi)
//        ├─ resolve, manifest             documents, verified, in memory
//        ├─ blob ─▶ RemoteBlob            ranges, streamed, resumed
//        └─ RegistrySource, RegistryDestination: whole images in and out
//
// Each of them asks a registry's hosts in turn (`round`): mirrors, then the registry itself.
// The room knows nothing of eStargz and keeps no files. Every wait ends by itself: connections within 10 seconds, silence after 30 or what
// `RegistryOptions` says.

/// A client of registries; one per process is enough, used from any thread.
public final class RegistryClient: Sendable {
    let options: RegistryOptions
    let transport = Transport()
    private let authorizer: Authorizer
    private let schemes = Mutex<[String: String]>([:])
    private let counted = Mutex(TransferStatistics())
    let knownHosts = Mutex<[String: KnownHosts]>([:])
    let rests = Mutex(HostRests())

    /// A client; nothing is connected yet.
    public init(options: RegistryOptions = RegistryOptions()) {
        self.options = options
        let (transport, trace) = (transport, options.trace)
        authorizer = Authorizer(
            credentials: CredentialSource(authFile: options.authFile, others: options.credentials), executor: transport.executor
        ) {
            request async throws(RegistryError) in
            try await RegistryClient.collect(transport, request, limit: 1 << 20, trace: trace)
        }
    }

    /// Requests and bytes so far.
    public var statistics: TransferStatistics { counted.withLock { $0 } }

    /// Ends the transport; what is under way fails.
    public func shutdown() { transport.shutdown() }

    func count(bytes: Int) { counted.withLock { $0.bytesReceived += UInt64(bytes) } }
    func countRequest() { counted.withLock { $0.requests += 1 } }

    /// Scheme and host of an endpoint, without the API's path.
    func base(_ endpoint: Endpoint) -> String {
        let scheme =
            endpoint.host.scheme?.rawValue ?? schemes.withLock { $0[endpoint.id] } ?? (options.plainHTTP == true ? "http" : "https")
        return "\(scheme)://\(endpoint.host.authority)"
    }

    // A loopback registry may lack TLS: when the handshake or the connection fails, plain HTTP gets its chance, as docker does it. Requests that
    // go out together probe together; each finds out for itself, whatever the others have found by then.
    private func fallsBack(_ endpoint: Endpoint, _ request: HTTPRequest, _ result: Result<HTTPHead, RegistryError>) -> Bool {
        guard case .failure(let error) = result, request.isProbe else { return false }
        switch error {
        case .unreachable, .tls, .interrupted, .timeout: break
        default: return false
        }
        return schemes.withLock { schemes in
            if schemes[endpoint.id] == "https" { return false }
            schemes[endpoint.id] = "http"
            return true
        }
    }

    private func isProbe(_ url: String, _ endpoint: Endpoint) -> Bool {
        options.plainHTTP == nil && endpoint.host.scheme == nil && !endpoint.host.connection.speaksOfTLS && url.hasPrefix("https:")
            && schemes.withLock { $0[endpoint.id] != "https" }
            && Reference(registry: endpoint.host.authority, repository: "x", tag: nil).registryIsLoopback
    }

    // Learned from an answer, forgotten when plain HTTP failed as well: a registry that starts late is probed again.
    private func remember(_ endpoint: Endpoint, _ url: String, _ result: Result<HTTPHead, RegistryError>) {
        schemes.withLock { schemes in
            switch result {
            case .success: schemes[endpoint.id] = url.hasPrefix("https") ? "https" : "http"
            case .failure(.unreachable): schemes[endpoint.id] = nil
            case .failure: break
            }
        }
    }

    /// A request to a host with everything that belongs to it: authorization, redirects, the scheme. Statuses are the caller's.
    ///
    /// - Parameters:
    ///   - request: its URL is a path and query below the API's path, or absolute, such as a `Location`.
    ///   - scope: what a token must allow, such as `repository:library/x:pull`.
    ///   - onBody: gets the body of the answer that is neither a redirect nor a challenge.
    func exchange(
        _ endpoint: Endpoint, _ request: HTTPRequest, scope: String,
        onStart: @escaping @Sendable (Transfer) -> Void = { _ in },
        onBody: @escaping @Sendable (HTTPHead, UnsafeRawBufferPointer) -> Appetite
    ) async throws(RegistryError) -> (head: HTTPHead, url: String) {
        let key = Authorizer.Key(host: endpoint.name, registry: endpoint.registry, endpoint: endpoint.id, scope: scope)
        var header = await authorizer.header(for: key)
        var url = absolute(request.url, endpoint)
        var redirects = 0
        var challenges = 0
        while true {
            let isHome = isHome(url, endpoint)
            let current = prepared(request, url, endpoint, authorization: header)
            let traced = RequestTrace(of: current, options.trace)
            let result = await RegistryClient.perform(transport, current, onStart: onStart) { head, bytes in
                let appetite = RegistryClient.isFinal(head.status) ? onBody(head, bytes) : .more
                // What is offered again is counted then.
                if let traced, appetite != .pause { traced.received(bytes.count) }
                return appetite
            }
            countRequest()
            traced?.ended(result)
            if isHome, fallsBack(endpoint, current, result) {
                url = absolute(request.url, endpoint)
                continue
            }
            if isHome { remember(endpoint, url, result) }
            let head = try result.get()
            switch head.status {
            case 301, 302, 303, 307, 308:
                redirects += 1
                guard redirects <= RegistryClient.mostRedirects, let location = head["location"] else {
                    let reason = redirects > RegistryClient.mostRedirects ? "more than 10 redirects" : "a redirect to nowhere"
                    throw .badAnswer(host: endpoint.name, what: RegistryClient.name(scope), reason: reason)
                }
                url = URLText.resolve(location, against: url)
            case 401 where isHome && challenges < RegistryClient.mostChallenges:
                challenges += 1
                guard let challenge = Challenge(head["www-authenticate"]) else { return (head, url) }
                let answer = try await authorizer.answer(
                    challenge, for: key, rejected: header, over: connection(to: challenge, endpoint))
                guard let new = answer.header, new != header else {
                    throw .unauthorized(host: endpoint.name, what: RegistryClient.name(scope), hadCredentials: answer.hadCredentials)
                }
                header = new
            default: return (head, url)
            }
        }
    }

    // A probe with TLS stays at home when another has found meanwhile that there is none.
    private func isHome(_ url: String, _ endpoint: Endpoint) -> Bool {
        let origin = URLText.origin(url)
        return origin == URLText.origin(base(endpoint)) || origin == URLText.origin("https://" + endpoint.host.authority)
    }

    // Somebody else's host must not see our authorization, nor must anybody without TLS where the registry has it.
    private func prepared(_ request: HTTPRequest, _ url: String, _ endpoint: Endpoint, authorization: String?) -> HTTPRequest {
        var request = request
        request.url = url
        request.silence = endpoint.host.connection.silence ?? options.silence
        guard isHome(url, endpoint) else {
            request.connection = endpoint.host.connection.elsewhere
            return request
        }
        if let authorization { request.headers["Authorization"] = authorization }
        endpoint.addHeaders(to: &request)
        request.isProbe = isProbe(url, endpoint)
        request.connection = endpoint.host.connection
        return request
    }

    // A server of tokens sees a password: only the host itself may go unverified.
    private func connection(to challenge: Challenge, _ endpoint: Endpoint) -> RegistryHost.Connection {
        var connection = endpoint.host.connection
        if case .bearer(let realm, _, _) = challenge, !isHome(realm, endpoint) {
            connection = connection.elsewhere
            connection.skipsVerification = false
        }
        return connection
    }

    private static let mostRedirects = 10
    private static let mostChallenges = 2

    private func absolute(_ url: String, _ endpoint: Endpoint) -> String {
        URLText.isAbsolute(url) ? url : base(endpoint) + endpoint.path(url)
    }

    static func isFinal(_ status: Int) -> Bool { status != 401 && !(300..<400).contains(status) }

    /// `repository:a/b:pull` as people call it.
    static func name(_ scope: String) -> String {
        let parts = scope.split(separator: ":")
        return parts.count > 1 ? String(parts[1]) : scope
    }
}
