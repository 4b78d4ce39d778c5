import FoundationEssentials
import HostSystem
import Registry
import Testing

@testable import Keychains

/// Programs that a kubeconfig names for credentials, here of the shell.
@Suite("credential plug-ins of a kubeconfig")
struct ExecPluginTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func parse(_ exec: String) throws -> Kubeconfig {
        let text = """
            current-context: x
            contexts: [{name: x, context: {cluster: c, user: u}}]
            clusters: [{name: c, cluster: {server: "https://a:1", certificate-authority-data: dGhlIGF1dGhvcml0eQ==}}]
            users: [{name: u, user: {exec: {\(exec)}}}]
            """
        return try Kubeconfig(parsing: Array(text.utf8), path: directory.path + "/config")
    }

    private func plugin(_ exec: String) throws -> ExecPlugin {
        guard case .plugin(let plugin) = try parse(exec).user else { throw KeychainError.server("not a plug-in") }
        return plugin
    }

    /// A plug-in that is a script.
    private func script(_ text: String, more: String = "") throws -> ExecPlugin {
        try AtomicFile.write(Array("#!/bin/sh\n\(text)\n".utf8), to: directory.path + "/plugin", mode: 0o755)
        return try plugin("apiVersion: client.authentication.k8s.io/v1, command: ./plugin\(more)")
    }

    @Test(
        "the program gets its arguments, its variables beside ours, and is told of the cluster when it is to be", arguments: [true, false])
    func question(isTold: Bool) async throws {
        let plugin = try script(
            """
            echo "$1/$2/$COLOUR/${PATH:+path}/$KUBERNETES_EXEC_INFO" > \(directory.path)/asked
            echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}'
            """, more: ", args: [one, 'two words'], env: [{name: COLOUR, value: red}], provideClusterInfo: \(isTold)")
        let credential = try await plugin.run()
        #expect(credential.token == "t" && credential.identity == nil && credential.expires == nil)
        let cluster = #""cluster":{"certificate-authority-data":"dGhlIGF1dGhvcml0eQ==","server":"https:\/\/a:1"},"#
        let spec = #"{\#(isTold ? cluster : "")"interactive":false}"#
        let info = #"{"apiVersion":"client.authentication.k8s.io\/v1","kind":"ExecCredential","spec":\#(spec)}"#
        let asked = String(decoding: try Files.read(directory.path + "/asked", limit: 4096), as: UTF8.self)
        #expect(asked == "one/two words/red/path/\(info)\n")
    }

    @Test(
        "times of an end are read with zone and fraction",
        arguments: [
            ("2030-01-02T03:04:05Z", 1_893_553_445.0), ("2030-01-02T04:04:05+01:00", 1_893_553_445),
            ("2030-01-02T03:04:05.5Z", 1_893_553_445.5),
        ])
    func ends(text: String, seconds: Double) throws {
        var printed = ExecCredential(apiVersion: "v", kind: "ExecCredential", status: .init())
        printed.status?.token = "t"
        printed.status?.expirationTimestamp = text
        #expect(try PluginCredential(printed, version: "v").expires?.timeIntervalSince1970 == seconds)
        printed.status?.expirationTimestamp = "tomorrow"
        #expect(throws: ExecPlugin.Unusable.self) { try PluginCredential(printed, version: "v") }
    }

    @Test(
        "a program that gives nothing of use says why in one line",
        arguments: [
            ("echo 'no session' >&2; echo 'log in first' >&2; exit 3", "ended with status 3: no session"),
            ("exit 1", "ended with status 1: it said nothing"),
            ("echo hello", "what it prints is no ExecCredential"),
            (
                #"echo '{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential"}'"#,
                "it prints client.authentication.k8s.io/v1beta1 ExecCredential and not client.authentication.k8s.io/v1 ExecCredential"
            ),
            (
                #"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{}}'"#,
                "it prints neither a token nor a client certificate"
            ),
            (
                #"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"clientKeyData":"k"}}'"#,
                "it prints a client certificate without key, or a key without certificate"
            ),
        ])
    func failures(text: String, reason: String) async throws {
        let plugin = try script(text)
        let expected = KeychainError.plugin(command: directory.path + "/./plugin", reason: reason)
        await #expect(throws: expected) { try await plugin.run() }
    }

    @Test("a program that does not end is ended: after a while, and with who asks")
    func stuck() async throws {
        let plugin = try script("exec sleep 1000")
        let error = await #expect(throws: KeychainError.self) { try await plugin.run(deadline: .milliseconds(300)) }
        #expect("\(try #require(error))".contains("did not end within"))
        let asking = Task { try await plugin.run(deadline: .seconds(1000)) }
        try await Task.sleep(for: .milliseconds(50))
        asking.cancel()
        await #expect(throws: KeychainError.self) { try await asking.value }
    }

    @Test("a program that is not installed is told with the kubeconfig's hint")
    func missing() async throws {
        let plugin = try plugin("apiVersion: client.authentication.k8s.io/v1beta1, command: no-such-program, installHint: 'get it at x'")
        let expected = KeychainError.plugin(command: "no-such-program", reason: "not found in PATH; get it at x")
        await #expect(throws: expected) { try await plugin.run() }
    }

    @Test(
        "an entry that cannot work is refused when it is read",
        arguments: [
            ("apiVersion: client.authentication.k8s.io/v1", "has an exec without a command"),
            (
                "command: aws, apiVersion: client.authentication.k8s.io/v1alpha1",
                "has an exec with apiVersion client.authentication.k8s.io/v1alpha1, not client.authentication.k8s.io/v1 or "
                    + "client.authentication.k8s.io/v1beta1"
            ),
            (
                "command: aws, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Always",
                "has an exec with interactiveMode Always, and nobody is here to be asked"
            ),
        ])
    func refused(exec: String, reason: String) {
        #expect(throws: KeychainError.kubeconfig(path: directory.path + "/config", reason: reason)) { try parse(exec) }
    }

    @Test("a command is a name in PATH, a path, or a path from the kubeconfig's directory")
    func commands() throws {
        for (command, expected) in [("aws", "aws"), ("/bin/aws", "/bin/aws"), ("bin/aws", directory.path + "/bin/aws")] {
            #expect(try plugin("apiVersion: client.authentication.k8s.io/v1, command: \(command)").command == expected)
        }
    }
}
