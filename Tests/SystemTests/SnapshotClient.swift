import ContainerdAPI
import ContainerdClient
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import HostSystem
import SwiftProtobuf
import TestSupport

/// Calls of a daemon's snapshotter, as containerd makes them, and without containerd.
final class SnapshotClient: Sendable {
    typealias API = Containerd_Services_Snapshots_V1_Snapshots

    private let channel: ContainerdChannel
    private let running: Task<Void, any Error>
    private var snapshots: API.Client<HTTP2ClientTransport.Posix> { API.Client(wrapping: channel.client) }

    init(_ daemon: StarlingDaemon) throws {
        let channel = try ContainerdChannel(address: daemon.socket)
        self.channel = channel
        running = Task { try await channel.run() }
    }

    deinit { running.cancel() }

    /// Returns the code with which a call failed; nil for one that succeeded.
    func code(_ body: (SnapshotClient) async throws -> Void) async throws -> RPCError.Code? {
        do {
            try await body(self)
            return nil
        } catch let error as RPCError {
            return error.code
        }
    }

    func prepare(_ key: String, parent: String = "", labels: [String: String] = [:]) async throws {
        _ = try await snapshots.prepare(
            .with {
                $0.key = key
                $0.parent = parent
                $0.labels = labels
            })
    }

    func view(_ key: String, parent: String = "") async throws -> [Containerd_Types_Mount] {
        try await snapshots.view(.with { ($0.key, $0.parent) = (key, parent) }).mounts
    }

    func commit(_ key: String, as name: String) async throws {
        _ = try await snapshots.commit(
            .with {
                $0.key = key
                $0.name = name
            })
    }

    func remove(_ key: String) async throws { _ = try await snapshots.remove(.with { $0.key = key }) }

    func cleanup() async throws { _ = try await snapshots.cleanup(.init()) }

    /// Types and sources of the mounts.
    func mounts(_ key: String) async throws -> [Containerd_Types_Mount] { try await snapshots.mounts(.with { $0.key = key }).mounts }

    func stat(_ key: String) async throws -> Containerd_Services_Snapshots_V1_Info { try await snapshots.stat(.with { $0.key = key }).info }

    func usage(_ key: String) async throws -> (bytes: Int64, inodes: Int64) {
        let usage = try await snapshots.usage(.with { $0.key = key })
        return (usage.size, usage.inodes)
    }

    /// Gives a snapshot a label.
    func label(_ key: String, _ name: String, _ value: String) async throws {
        _ = try await snapshots.update(
            .with {
                ($0.info.name, $0.info.labels) = (key, [name: value])
                $0.updateMask.paths = ["labels.\(name)"]
            })
    }

    func list() async throws -> [Containerd_Services_Snapshots_V1_Info] {
        try await snapshots.list(.init()) { response in try await response.messages.reduce(into: []) { $0 += $1.info } }
    }
}

extension SystemFixture {
    /// Labels with which a client asks for a lazy image's only layer as the snapshot `target`.
    ///
    /// - Parameters:
    ///   - image: repository and tag.
    ///   - registry: that has the image, or leads to it.
    func labels(
        target: String, image: String = SystemFixture.repository + ":lazy", registry: String? = nil
    ) throws -> [String: String] {
        let source = "docker://\(self.registry.address)/\(image)"
        let manifest = try run("skopeo", ["inspect", "--raw", "--tls-verify=false", source]).outputText
        let layers = manifest.split(separator: "\"layers\"").last ?? ""
        guard let digest = layers.firstMatch(of: #/"digest":\s*"(sha256:[0-9a-f]{64})"/#)?.1,
            let toc = layers.firstMatch(of: #/"containerd.io/snapshot/stargz/toc.digest":\s*"(sha256:[0-9a-f]{64})"/#)?.1
        else { throw TestFailure("not the manifest of a lazy image: \(manifest)") }
        return [
            "containerd.io/snapshot.ref": target, "containerd.io/snapshot/cri.layer-digest": String(digest),
            "containerd.io/snapshot/cri.image-ref": "\(registry ?? self.registry.address)/\(image)",
            "containerd.io/snapshot/stargz/toc.digest": String(toc),
        ]
    }

    /// Puts an image into the registry whose one lazy layer no image of another number has; repository and tag.
    ///
    /// - Parameter number: of files in its `srv`.
    func smallImage(_ number: Int) throws -> String {
        let directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        let image = "small/image-\(number):lazy"
        try Starling.succeed(["convert", "oci:\(TestImages.smallFiles(number, in: directory.path)):latest", "\(registry.address)/\(image)"])
        return image
    }
}
