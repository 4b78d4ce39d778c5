import ContainerdAPI
import ContainerdClient
import GRPCCore
import HostSystem
import SwiftProtobuf
import TestSupport
import Testing

/// The image of the fixture in a registry that wants a password, which only others tell the daemon: its docker configuration has none.
@Suite("credentials that reach starlingd", .serialized)
struct CredentialsTests {
    private let fixture: SystemFixture
    private let guarded: GuardedRegistry
    private let directory: TemporaryDirectory

    private var reference: String { guarded.reference }

    init() throws {
        fixture = try SystemFixture.shared()
        guarded = try GuardedRegistry(fixture)
        directory = try TemporaryDirectory()
    }

    @Test(
        "a pull that kubelet sends through the daemon's image service is lazy: containerd pulls, the daemon has seen the password",
        arguments: [
            true, false,
        ])
    func imageService(onOwnSocket: Bool) async throws {
        // The daemon is started first, and containerd's socket has a name of its own then.
        let link = directory.path + "/containerd.sock"
        let socket = directory.path + "/images.sock"
        let daemon = try StarlingDaemon(
            configuration: """
                no_background_fetch = true
                [cri_keychain]
                enable_keychain = true
                image_service_path = "\(link)"
                \(onOwnSocket ? "listen_path = \"\(socket)\"" : "")
                """)
        let containerd = try ContainerdServer(snapshotter: daemon.socket, setup: ContainerdSetup(servesCRI: true))
        let channel = try ContainerdChannel(address: onOwnSocket ? socket : daemon.socket)
        let running = Task { try await channel.run() }
        defer { running.cancel() }
        let images = Runtime_V1_ImageService.Client(wrapping: channel.client)
        let image = Runtime_V1_ImageSpec.with { $0.image = reference }

        let nobody = await #expect(throws: RPCError.self) { try await images.listImages(.init()) }
        #expect(nobody?.code == .unavailable, "containerd is not there yet, as far as the daemon knows")
        try TestSupport.run("ln", ["-s", containerd.socket, link])
        for _ in 0..<100 where await (try? images.listImages(.init())) == nil { try await Task.sleep(for: .milliseconds(100)) }

        let refused = await #expect(throws: RPCError.self) { try await images.pullImage(.with { $0.image = image }) }
        #expect(refused?.code == .unknown && refused?.message.contains("401 Unauthorized") == true, "\(String(describing: refused))")
        let request = Runtime_V1_PullImageRequest.with {
            $0.image = image
            $0.auth = .with { ($0.username, $0.password) = (guarded.user, guarded.password) }
        }
        let pulled = try await images.pullImage(request)
        #expect(pulled.imageRef.hasPrefix("sha256:"))
        let status = try Starling.succeed(["status", "--address", daemon.socket]).outputText
        #expect(status.contains("image    \(reference)"), "\(status)\n\(daemon.log)")
        let names = try await images.listImages(.init()).images.flatMap(\.repoTags)
        #expect(names == [reference])
        #expect(try await images.imageStatus(.with { $0.image = image }).image.id == pulled.imageRef)
        #expect(try await !images.imageStatus(.with { $0.image.image = "nowhere.example/none" }).hasImage)
        let output = try containerd.ctr(
            [
                "--namespace", "k8s.io", "run", "--rm", "--snapshotter", "stargz", reference, "t1", "python3", "-c", #"print("hello")"#,
            ])
        #expect(output.outputText == "hello\n", "\(daemon.log)")
        _ = try await images.removeImage(.with { $0.image = image })
        #expect(try await images.listImages(.init()).images.isEmpty)
    }

    @Test("a secret in the cluster is enough")
    func secrets() throws {
        let cluster = try KubernetesServer()
        try cluster.put("team", "pull", registry: guarded.registry.address, user: guarded.user, password: guarded.password)
        let kubeconfig = directory.path + "/kubeconfig"
        try cluster.writeKubeconfig(to: kubeconfig)
        let daemon = try StarlingDaemon(
            configuration: """
                no_background_fetch = true
                [kubeconfig_keychain]
                enable_keychain = true
                kubeconfig_path = "\(kubeconfig)"
                """)
        let containerd = try ContainerdServer(snapshotter: daemon.socket)
        // The client has the password from its own file; what the daemon knows decides whether the layer is lazy.
        let own = directory.path + "/auth.json"
        let auth = try TestSupport.run("sh", ["-c", "printf %s '\(guarded.user):\(guarded.password)' | base64"]).outputText.dropLast()
        try AtomicFile.write(Array(#"{"auths":{"\#(guarded.registry.address)":{"auth":"\#(auth)"}}}"#.utf8), to: own)
        func pull() throws -> String {
            let arguments = ["pull", "--containerd", containerd.socket, "--plain-http", "--authfile", own, reference]
            return try Starling.succeed(arguments, deadline: .seconds(300)).errorText
        }
        try waitUntil("the secret is known") { daemon.log.contains("credentials from secrets") }
        let output = try pull()
        let status = try Starling.succeed(["status", "--address", daemon.socket]).outputText
        #expect(status.contains("image    \(reference)"), "\(output)\n\(status)\n\(daemon.log)")
    }
}
