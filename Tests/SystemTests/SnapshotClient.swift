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

    func list() async throws -> [Containerd_Services_Snapshots_V1_Info] {
        try await snapshots.list(.init()) { response in try await response.messages.reduce(into: []) { $0 += $1.info } }
    }
}

extension SystemFixture {
    /// Labels with which a client asks for the lazy image's layer as the snapshot `target`.
    ///
    /// - Parameter registry: that has the image, or leads to it.
    func labels(target: String, registry: String? = nil) throws -> [String: String] {
        let manifest = try run("skopeo", ["inspect", "--raw", "--tls-verify=false", "docker://\(lazy)"]).outputText
        let layers = manifest.split(separator: "\"layers\"").last ?? ""
        guard let digest = layers.firstMatch(of: #/"digest":\s*"(sha256:[0-9a-f]{64})"/#)?.1,
            let toc = layers.firstMatch(of: #/"containerd.io/snapshot/stargz/toc.digest":\s*"(sha256:[0-9a-f]{64})"/#)?.1
        else { throw TestFailure("not the manifest of a lazy image: \(manifest)") }
        return [
            "containerd.io/snapshot.ref": target, "containerd.io/snapshot/cri.layer-digest": String(digest),
            "containerd.io/snapshot/cri.image-ref": "\(registry ?? self.registry.address)/\(SystemFixture.repository):lazy",
            "containerd.io/snapshot/stargz/toc.digest": String(toc),
        ]
    }
}
