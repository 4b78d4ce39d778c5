internal import FoundationEssentials
internal import HostSystem
internal import Registry
internal import Synchronization
internal import Threads

extension ExecPlugin {
    /// How long a program may take; some ask a cloud over the network.
    static let deadline = Duration.seconds(30)
    /// Bytes of its complaint that are shown.
    private static let longestComplaint = 300

    /// Runs the program and reads what it prints. Cancelling ends it.
    ///
    /// - Throws: `KeychainError.plugin`.
    func run(deadline: Duration = Self.deadline) async throws(KeychainError) -> PluginCredential {
        let isWanted = Mutex(true)
        let result: Program.Result
        do {
            result = try await BlockingTask.run {
                isWanted.withLock { $0 = false }
            } _: { [self] in
                try Program.run(
                    command, arguments, environment: ChildProcess.environment(with: environment), deadline: deadline,
                    isWanted: { isWanted.withLock { $0 } })
            }
        } catch HostError.programMissing {
            throw failure("not found in PATH" + (installHint.map { "; " + Self.line($0) } ?? ""))
        } catch {
            throw failure("\(error)")
        }
        guard result.status == 0 else { throw failure("ended with status \(result.status): \(Self.line(result.errorText))") }
        do {
            return try PluginCredential(JSONDecoder().decode(ExecCredential.self, from: Data(result.output)), version: version)
        } catch let error as Unusable {
            throw failure(error.reason)
        } catch {
            throw failure("what it prints is no ExecCredential")
        }
    }

    private func failure(_ reason: String) -> KeychainError { .plugin(command: command, reason: reason) }

    /// The first line of a text that says something.
    private static func line(_ text: String) -> String {
        String((text.split(whereSeparator: \.isNewline).first ?? "it said nothing").prefix(longestComplaint))
    }
}

/// What a plug-in prints.
struct ExecCredential: Decodable {
    struct Status: Decodable {
        var token: String?
        var clientCertificateData: String?
        var clientKeyData: String?
        var expirationTimestamp: String?
    }

    var apiVersion: String?
    var kind: String?
    var status: Status?
}

/// What a plug-in has given.
struct PluginCredential: Sendable {
    /// Sent with every request.
    let token: String?
    /// Shown when a connection is made.
    let identity: RegistryHost.ClientIdentity?
    /// From when on it is of no use any more; nil for as long as the server takes it.
    let expires: Date?

    init(_ printed: ExecCredential, version: String) throws(ExecPlugin.Unusable) {
        guard printed.kind == "ExecCredential", printed.apiVersion == version else {
            let kind = "\(printed.apiVersion ?? "nothing") \(printed.kind ?? "")"
            throw ExecPlugin.Unusable(reason: "it prints \(kind) and not \(version) ExecCredential")
        }
        token = printed.status?.token.flatMap { $0.isEmpty ? nil : $0 }
        switch (printed.status?.clientCertificateData, printed.status?.clientKeyData) {
        case (let certificate?, let key?): identity = .init(certificate: Array(certificate.utf8), key: Array(key.utf8))
        case (nil, nil): identity = nil
        default: throw ExecPlugin.Unusable(reason: "it prints a client certificate without key, or a key without certificate")
        }
        guard token != nil || identity != nil else {
            throw ExecPlugin.Unusable(reason: "it prints neither a token nor a client certificate")
        }
        expires = try printed.status?.expirationTimestamp.map { text throws(ExecPlugin.Unusable) in
            // RFC 3339, of which a fraction of a second is a part that may be there.
            if let date = try? Date(text, strategy: .iso8601) { return date }
            if let date = try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)) { return date }
            throw ExecPlugin.Unusable(reason: "it prints an expirationTimestamp that is no time: \(text.prefix(64))")
        }
    }
}
