internal import FoundationEssentials
internal import Registry
internal import Synchronization

/// The part of Kubernetes' API that lists and watches pull secrets of all namespaces. Source: "Kubernetes API concepts", efficient detection
/// of changes.
struct SecretsAPI {
    let kubeconfig: Kubeconfig
    let credentials: ClusterCredentials
    let client: StreamClient

    /// Secrets of one page; the server may send fewer.
    private static let pageSize = 100
    /// Bytes of a page, and of a line of a watch: etcd lets a secret have 1 MiB.
    private static let largestPage = 256 << 20
    /// Seconds after which the server is to end a watch, and we begin the next.
    private static let watchSeconds = 300
    /// Longest silence of the server; a watch in which nothing happens is silent.
    private static let silence = Duration.seconds(30)

    /// All secrets, and from which version on to watch.
    func list() async throws(KeychainError) -> (secrets: [PullSecret], version: String) {
        var secrets: [PullSecret] = []
        var next: String?
        while true {
            let body = Mutex<[UInt8]>([])
            let place = next.map { "&continue=\(StreamClient.escaped($0))" } ?? ""
            try await get("limit=\(Self.pageSize)" + place, silence: Self.silence) { bytes in
                body.withLock { body in
                    body += bytes
                    return body.count <= Self.largestPage
                }
            }
            let page = try Self.decode(PullSecretList.self, body.withLock { $0 })
            secrets += page.items
            next = page.metadata.continue.flatMap { $0.isEmpty ? nil : $0 }
            if next == nil { return (secrets, page.metadata.resourceVersion ?? "") }
        }
    }

    /// Tells of changes since a version until the server ends that.
    ///
    /// - Throws: `KeychainError.expired` when the version is too old.
    func watch(from version: String, onEvent: @escaping @Sendable (PullSecretEvent) -> Void) async throws(KeychainError) {
        let lines = Mutex(LineSplitter(limit: Self.largestPage))
        let failure = Mutex<KeychainError?>(nil)
        let query = "watch=1&allowWatchBookmarks=true&timeoutSeconds=\(Self.watchSeconds)&resourceVersion=\(StreamClient.escaped(version))"
        try await get(query, silence: .seconds(Self.watchSeconds) + Self.silence) { bytes in
            let complete = lines.withLock { $0.add(bytes) }
            do throws(KeychainError) {
                guard let complete else { throw .server("a line of more than \(Self.largestPage) bytes") }
                for line in complete {
                    let event = try Self.decode(PullSecretEvent.self, line)
                    if case .failed = event { throw .expired }
                    onEvent(event)
                }
                return true
            } catch {
                failure.withLock { $0 = error }
                return false
            }
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
    }

    private func get(_ query: String, silence: Duration, receive: @escaping @Sendable ([UInt8]) -> Bool) async throws(KeychainError) {
        let url = "\(kubeconfig.server)/api/v1/secrets?fieldSelector=\(StreamClient.escaped("type=" + PullSecret.type))&\(query)"
        let access = try await credentials.access(to: kubeconfig)
        let status: Int
        do {
            status = try await client.get(
                url, headers: access.headers.merging(["Accept": "application/json"]) { $1 }, over: access.connection, silence: silence,
                receive: receive)
        } catch {
            throw .server("\(error)")
        }
        switch status {
        case 200: return
        case 410: throw .expired
        case 401:
            await credentials.forget()
            guard access.isOld else { throw .server("it does not know who we are (401)") }
            try await get(query, silence: silence, receive: receive)
        case 403: throw .server("we may not list and watch secrets of all namespaces (403)")
        default: throw .server("it answers \(status)")
        }
    }

    private static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) throws(KeychainError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw .server("its answer is not what was asked for")
        }
    }
}

/// Cuts a stream into lines.
struct LineSplitter {
    private var rest: [UInt8] = []
    private let limit: Int

    /// - Parameter limit: bytes of a line.
    init(limit: Int) { self.limit = limit }

    /// The lines that the bytes complete, without empty ones; nil when a line is too long.
    mutating func add(_ bytes: [UInt8]) -> [[UInt8]]? {
        rest += bytes
        var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        rest = lines.popLast().map(Array.init) ?? []
        return rest.count <= limit ? lines.filter { !$0.isEmpty }.map(Array.init) : nil
    }
}
