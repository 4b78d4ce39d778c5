import HostSystem
import Logging
import Registry
import TestSupport
import Testing

@testable import Keychains

@Suite("credentials from Kubernetes secrets", .serialized)
struct KubernetesKeychainTests {
    private let server: KubernetesServer
    private let directory: TemporaryDirectory
    private static let registry = "registry.example.org:5000"

    init() throws {
        server = try KubernetesServer()
        directory = try TemporaryDirectory()
    }

    /// Waits for what the keychain knows of the registry.
    private func wait(_ moment: String, _ keychain: KubernetesKeychain, user: String?) throws {
        try waitUntil("\(moment): \(user ?? "nobody")") { keychain.credential(for: Self.registry)?.user == user }
    }

    @Test("they come when the kubeconfig does, follow every change, and survive a server that forgets or restarts")
    func follow() async throws {
        for number in 1...3 {
            try server.put("default", "other-\(number)", registry: "other-\(number)", user: "other", password: "x")
        }
        try server.put("default", "mine", registry: Self.registry, user: "first", password: "one")
        let path = directory.path + "/kubeconfig"
        let keychain = KubernetesKeychain(path: path, log: Logger(label: "test"))
        keychain.start()
        #expect(keychain.credential(for: Self.registry) == nil)
        try server.writeKubeconfig(to: path)
        try wait("listed", keychain, user: "first")
        #expect(keychain.credential(for: Self.registry) == Credential(user: "first", password: "one"))
        #expect((1...3).allSatisfy { keychain.credential(for: "other-\($0)") != nil }, "every page")

        try server.put("default", "mine", registry: Self.registry, user: "second", password: "two")
        try wait("changed", keychain, user: "second")
        try server.put("a-namespace", "mine", registry: Self.registry, user: "third", password: "three")
        try wait("a namespace before it", keychain, user: "third")
        try server.remove("a-namespace", "mine")
        try wait("removed", keychain, user: "second")
        try server.compact()
        try server.put("default", "mine", registry: Self.registry, user: "fourth", password: "four")
        try wait("after a compaction", keychain, user: "fourth")
        try server.restart()
        try server.put("default", "mine", registry: Self.registry, user: "fifth", password: "five")
        try wait("after a restart", keychain, user: "fifth")
        try server.remove("default", "mine")
        try wait("none left", keychain, user: nil)
        await keychain.stop()
    }

    @Test("a token does as well as a certificate, and a wrong one gives nothing and keeps nobody waiting", arguments: [true, false])
    func token(isRight: Bool) async throws {
        try server.put("default", "mine", registry: Self.registry, user: "first", password: "one")
        let path = directory.path + "/kubeconfig"
        try server.writeKubeconfig(to: path, token: isRight ? KubernetesServer.token : "wrong")
        let keychain = KubernetesKeychain(path: path, log: Logger(label: "test"))
        keychain.start()
        if isRight {
            try wait("listed", keychain, user: "first")
        } else {
            try await Task.sleep(for: .seconds(1))
            #expect(keychain.credential(for: Self.registry) == nil)
        }
        await keychain.stop()
    }

    /// A plug-in that prints a file and counts how often it does.
    private func plugin(version: String) throws -> String {
        let script = "#!/bin/sh\necho >> \(directory.path)/runs\ncat \(directory.path)/credential\n"
        try AtomicFile.write(Array(script.utf8), to: directory.path + "/plugin", mode: 0o755)
        return "exec: {apiVersion: client.authentication.k8s.io/\(version), command: \(directory.path)/plugin, interactiveMode: Never}"
    }

    private func give(_ version: String, _ status: String) throws {
        let text = #"{"apiVersion":"client.authentication.k8s.io/\#(version)","kind":"ExecCredential","status":{\#(status)}}"#
        try AtomicFile.write(Array(text.utf8), to: directory.path + "/credential")
    }

    private func runs() throws -> Int { try Files.read(directory.path + "/runs", limit: 1 << 20).count }

    @Test("a plug-in's token is kept until the server does not take it any more, and is asked for anew then")
    func pluginToken() async throws {
        try server.put("default", "mine", registry: Self.registry, user: "first", password: "one")
        let path = directory.path + "/kubeconfig"
        try server.writeKubeconfig(to: path, user: try plugin(version: "v1"))
        try give("v1", #""token":"\#(KubernetesServer.token)","expirationTimestamp":"2999-01-01T00:00:00Z""#)
        let keychain = KubernetesKeychain(path: path, log: Logger(label: "test"))
        keychain.start()
        try wait("listed", keychain, user: "first")
        try server.restart()
        try server.put("default", "mine", registry: Self.registry, user: "second", password: "two")
        try wait("after a restart", keychain, user: "second")
        #expect(try runs() == 1)
        try server.accept(token: "another")
        try give("v1", #""token":"another""#)
        try server.restart()
        try server.put("default", "mine", registry: Self.registry, user: "third", password: "three")
        try wait("with another token", keychain, user: "third")
        #expect(try runs() == 2)
        await keychain.stop()
    }

    @Test("a plug-in's client certificate does as well; what has expired is asked for again for each request")
    func pluginCertificate() async throws {
        try server.put("default", "mine", registry: Self.registry, user: "first", password: "one")
        let path = directory.path + "/kubeconfig"
        try server.writeKubeconfig(to: path, user: try plugin(version: "v1beta1"))
        let (certificate, key) = try server.clientIdentity()
        func json(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self).replacing("\n", with: "\\n") }
        try give(
            "v1beta1",
            #""clientCertificateData":"\#(json(certificate))","clientKeyData":"\#(json(key))","expirationTimestamp":"2001-01-01T00:00:00Z""#
        )
        let keychain = KubernetesKeychain(path: path, log: Logger(label: "test"))
        keychain.start()
        try wait("listed", keychain, user: "first")
        try waitUntil("once for the list and once for the watch") { try runs() == 2 }
        await keychain.stop()
    }

    @Test("a pod's own account does where no kubeconfig is; its token is read again when it is another")
    func serviceAccount() async throws {
        try server.put("default", "mine", registry: Self.registry, user: "first", password: "one")
        try AtomicFile.write(server.authority(), to: directory.path + "/ca.crt")
        try AtomicFile.write(Array("too old\n".utf8), to: directory.path + "/token")
        let variables = ["KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "\(server.port)"]
        let source = ClusterSource.usual(kubeconfig: directory.path + "/none", directory: directory.path) { variables[$0] }
        #expect(source == .serviceAccount(server: "https://127.0.0.1:\(server.port)", directory: directory.path))
        let keychain = KubernetesKeychain(source, log: Logger(label: "test"))
        keychain.start()
        try await Task.sleep(for: .milliseconds(300))
        #expect(keychain.credential(for: Self.registry) == nil)
        try AtomicFile.write(Array("\(KubernetesServer.token)\n".utf8), to: directory.path + "/token")
        try wait("with the token of now", keychain, user: "first")
        try server.accept(token: "another")
        try AtomicFile.write(Array("another".utf8), to: directory.path + "/token")
        try server.restart()
        try server.put("default", "mine", registry: Self.registry, user: "second", password: "two")
        try wait("with the next token", keychain, user: "second")
        await keychain.stop()
    }

    @Test("a kubeconfig goes before a pod's account, and outside of a pod there is none")
    func places() throws {
        let path = directory.path
        func source(_ variables: [String: String]) -> ClusterSource {
            .usual(kubeconfig: path + "/config", directory: path) { variables[$0] }
        }
        let pod = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"]
        #expect(source(pod) == .kubeconfig(path: path + "/config"), "no token")
        try AtomicFile.write([1], to: path + "/token")
        #expect(source([:]) == .kubeconfig(path: path + "/config"), "no pod")
        #expect(source(pod) == .serviceAccount(server: "https://[fd00::1]:443", directory: path))
        try AtomicFile.write([1], to: path + "/config")
        #expect(source(pod) == .kubeconfig(path: path + "/config"))
    }
}
