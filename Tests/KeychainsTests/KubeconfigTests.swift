import HostSystem
import Registry
import Testing

@testable import Keychains

@Suite("kubeconfig")
struct KubeconfigTests {
    private func text(user: String, cluster: String = "server: https://10.0.0.1:6443/", context: String = "me") -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: \(context)
        contexts:
        - name: other
          context: {cluster: none, user: none}
        - name: me
          context:
            cluster: "c"
            user: u
        clusters:
        - name: c
          cluster: {\(cluster)}
        users: [{name: u, user: {\(user)}}]
        """
    }

    private func parse(_ text: String) throws -> Kubeconfig { try Kubeconfig(parsing: Array(text.utf8), path: "/etc/kube/config") }

    @Test("the current context decides who is asked, and as whom")
    func context() throws {
        let config = try parse(text(user: "token: abc"))
        #expect(config.server == "https://10.0.0.1:6443")
        #expect(try config.headers() == ["Authorization": "Bearer abc"])
        let basic = try parse(text(user: "username: a, password: b"))
        #expect(try basic.headers() == ["Authorization": "Basic YTpi"])
        #expect(try parse(text(user: "tokenFile: tokens/t")).user == .tokenFile("/etc/kube/tokens/t"))
        #expect(try parse(text(user: "")).headers() == [:])
    }

    @Test("certificates are read where they are, in the file or beside it")
    func certificates() throws {
        let directory = try TemporaryDirectory()
        try AtomicFile.write(Array("the key".utf8), to: directory.path + "/key.pem")
        let text = text(
            user: "client-certificate-data: dGhlIGNlcnRpZmljYXRl, client-key: key.pem",
            cluster: "server: https://a, certificate-authority-data: dGhlIGF1dGhvcml0eQ==, proxy-url: 'http://p:1'")
        let config = try Kubeconfig(parsing: Array(text.utf8), path: directory.path + "/config")
        let identity = try #require(config.connection.clientIdentity)
        #expect(String(decoding: identity.certificate, as: UTF8.self) == "the certificate")
        #expect(String(decoding: identity.key, as: UTF8.self) == "the key")
        #expect(String(decoding: config.connection.certificateAuthorities, as: UTF8.self) == "the authority")
        #expect(config.connection.proxy == "http://p:1" && !config.connection.skipsVerification)
    }

    @Test("JSON is read, too")
    func json() throws {
        let text = """
            {"current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
             "clusters": [{"name": "c", "cluster": {"server": "http://a", "insecure-skip-tls-verify": true}}],
             "users": [{"name": "u", "user": {"token": "t"}}]}
            """
        let config = try parse(text)
        #expect(config.connection.skipsVerification && config.user == .token("t"))
    }

    @Test(
        "what cannot be used says why in one line",
        arguments: [
            ("{", "line 2: did not find expected node content"),
            ("", "has no current-context"),
            ("current-context: x", "has no context x"),
            ("current-context: x\ncontexts: [{name: x, context: {cluster: c}}]", "has no cluster for the context x"),
            ("a: &x 1\nb: *x", "line 2: references (*name) are not supported"),
            (String(repeating: "[", count: 40) + String(repeating: "]", count: 40), "line 1: nested too deep"),
        ])
    func refused(text: String, reason: String) {
        #expect(throws: KeychainError.kubeconfig(path: "/etc/kube/config", reason: reason)) { try parse(text) }
    }

    @Test("what is understood of nothing is refused")
    func unusable() {
        #expect(throws: KeychainError.self) { try parse(text(user: "auth-provider: {name: gcp}")) }
        #expect(throws: KeychainError.self) { try parse(text(user: "token: a", cluster: "server: 10.0.0.1")) }
        #expect(throws: KeychainError.self) { try parse(text(user: "client-key-data: '!', client-certificate-data: '!'")) }
    }
}
