import Registry
import Testing

@testable import Keychains

@Suite("credentials of pulls")
struct CRIKeychainTests {
    private func auth(_ user: String, server: String = "") -> CRIKeychain.Auth {
        var auth = CRIKeychain.Auth()
        (auth.user, auth.password, auth.serverAddress) = (user, "secret", server)
        return auth
    }

    @Test("they are for the repository and the host of the pull, the last ones count, and a pull without any takes none away")
    func repositories() {
        let keychain = CRIKeychain()
        keychain.remember(auth("a"), for: "quay.io/team/app:1")
        #expect(keychain.credential(for: "quay.io", repository: "quay.io/team/app") == Credential(user: "a", password: "secret"))
        #expect(keychain.credential(for: "quay.io", repository: "quay.io/team/other") == nil)
        #expect(keychain.credential(for: "mirror", repository: "quay.io/team/app") == nil)
        keychain.remember(auth("b"), for: "quay.io/team/app:2")
        keychain.remember(CRIKeychain.Auth(), for: "quay.io/team/app:3")
        #expect(keychain.credential(for: "quay.io", repository: "quay.io/team/app")?.user == "b")
        keychain.remember(auth("x"), for: "Not an image")
    }

    @Test(
        "a server's address decides for which host",
        arguments: [
            ("https://index.docker.io/v1/", "debian", "docker.io", "docker.io/library/debian"),
            ("", "docker.io/library/debian:12", "docker.io", "docker.io/library/debian"),
            ("http://mirror:5000", "quay.io/a/b", "mirror:5000", "quay.io/a/b"),
            ("quay.io", "quay.io/a/b", "quay.io", "quay.io/a/b"),
        ])
    func servers(server: String, image: String, host: String, repository: String) {
        let keychain = CRIKeychain()
        keychain.remember(auth("a", server: server), for: image)
        #expect(keychain.credential(for: host, repository: repository)?.user == "a")
        #expect(keychain.credential(for: "elsewhere", repository: repository) == nil)
    }

    @Test("every form of credentials is understood")
    func forms() {
        let keychain = CRIKeychain()
        var encoded = CRIKeychain.Auth()
        encoded.encoded = "YTpi"
        keychain.remember(encoded, for: "r.io/a")
        #expect(keychain.credential(for: "r.io", repository: "r.io/a") == Credential(user: "a", password: "b"))
        var token = CRIKeychain.Auth()
        token.identityToken = "t"
        keychain.remember(token, for: "r.io/a")
        #expect(keychain.credential(for: "r.io", repository: "r.io/a") == Credential(user: "", password: "", identityToken: "t"))
    }
}
