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
}
