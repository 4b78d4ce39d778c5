import CRIRuntimeAPI
import ContainerdAPI
import ContainerdClient
import GRPCCore
import HostSystem
import SwiftProtobuf
import TestSupport

/// containerd as kubelet uses it: CRI on its socket. Pods are on the host's network, so that nothing but runc is needed.
struct PodRuntime: Sendable {
    let images: Runtime_V1_ImageService.Client<ContainerdChannel.Transport>
    let runtime: Runtime_V1_RuntimeService.Client<ContainerdChannel.Transport>

    /// Connects for the time of `body`.
    static func connect<Value>(_ containerd: ContainerdServer, _ body: (PodRuntime) async throws -> Value) async throws -> Value {
        let channel = try ContainerdChannel(address: containerd.socket)
        let running = Task { try await channel.run() }
        defer { running.cancel() }
        let pods = PodRuntime(images: .init(wrapping: channel.client), runtime: .init(wrapping: channel.client))
        // The socket is there before all services are.
        for _ in 0..<100 where await (try? pods.runtime.version(.init())) == nil { try await Task.sleep(for: .milliseconds(100)) }
        return try await body(pods)
    }

    /// Pulls an image; its id.
    func pull(_ image: String) async throws -> String {
        try await images.pullImage(.with { $0.image.image = image }).imageRef
    }

    /// Whether an image is there, as far as kubelet is told.
    func has(_ image: String) async throws -> Bool { try await images.imageStatus(.with { $0.image.image = image }).hasImage }

    /// Removes an image.
    func remove(_ image: String) async throws { _ = try await images.removeImage(.with { $0.image.image = image }) }

    /// Where images are, as kubelet is told, and the bytes that they take.
    func imageFileSystem() async throws -> (mountpoint: String, usedBytes: UInt64)? {
        try await images.imageFsInfo(.init()).imageFilesystems.first.map { ($0.fsID.mountpoint, $0.usedBytes.value) }
    }

    /// Runs a pod with one container for the time of `body`.
    ///
    /// - Parameter command: of the container.
    func withContainer<Value>(
        of image: String, command: [String], _ body: (RunningContainer) async throws -> Value
    ) async throws -> Value {
        let logs = try TemporaryDirectory()
        let host = Runtime_V1_NamespaceOption.with { $0.network = .node }
        let pod = Runtime_V1_PodSandboxConfig.with {
            $0.metadata = .with { ($0.name, $0.uid, $0.namespace) = ("pod", RandomName.make(), "default") }
            $0.logDirectory = logs.path
            $0.linux.securityContext.namespaceOptions = host
        }
        let sandbox = try await runtime.runPodSandbox(.with { $0.config = pod }).podSandboxID
        let outcome: Result<Value, any Error>
        do {
            let container = try await runtime.createContainer(
                .with {
                    $0.podSandboxID = sandbox
                    $0.sandboxConfig = pod
                    $0.config = .with {
                        $0.metadata.name = "container"
                        $0.image.image = image
                        $0.command = command
                        $0.logPath = "container.log"
                        $0.linux.securityContext.namespaceOptions = host
                    }
                }
            ).containerID
            _ = try await runtime.startContainer(.with { $0.containerID = container })
            outcome = .success(try await body(RunningContainer(id: container, logFile: logs.path + "/container.log", runtime: runtime)))
        } catch {
            outcome = .failure(error)
        }
        _ = try? await runtime.stopPodSandbox(.with { $0.podSandboxID = sandbox })
        _ = try? await runtime.removePodSandbox(.with { $0.podSandboxID = sandbox })
        return try outcome.get()
    }
}

/// A container of a pod.
struct RunningContainer: Sendable {
    let id: String
    let logFile: String
    let runtime: Runtime_V1_RuntimeService.Client<ContainerdChannel.Transport>

    /// What it has printed: CRI's log, a line with time, stream and tag before each of the container's.
    var log: String { String(decoding: (try? Files.read(logFile, limit: 1 << 20)) ?? [], as: UTF8.self) }

    /// Runs a command in it; what that printed, when it ended with 0.
    func exec(_ command: String...) async throws -> String {
        let result = try await runtime.execSync(.with { ($0.containerID, $0.cmd, $0.timeout) = (id, command, 60) })
        guard result.exitCode == 0 else {
            throw TestFailure("\(command) ended with \(result.exitCode): \(String(decoding: result.stderr, as: UTF8.self))")
        }
        return String(decoding: result.stdout, as: UTF8.self)
    }

    /// Bytes that its own layer takes, as kubelet is told.
    var writtenBytes: UInt64 {
        get async throws {
            try await runtime.containerStats(.with { $0.containerID = id }).stats.writableLayer.usedBytes.value
        }
    }
}
