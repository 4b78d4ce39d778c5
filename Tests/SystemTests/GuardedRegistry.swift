import TestSupport

/// A registry that wants a password, with the lazy image of the fixture.
struct GuardedRegistry {
    let registry: RegistryServer
    let user = "starling"
    let password = "secret"

    init(_ fixture: SystemFixture) throws {
        // bcrypt of "secret".
        registry = try RegistryServer(passwords: "starling:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n")
        try run(
            "skopeo",
            [
                "copy", "--quiet", "--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false", "--dest-creds",
                "\(user):\(password)", "docker://\(fixture.lazy)", "docker://\(reference)",
            ], deadline: .seconds(120))
    }

    var reference: String { "\(registry.address)/\(SystemFixture.repository):lazy" }
}
