import Digests
import HostSystem
import OCI
import Synchronization

@testable import Snapshots

/// Lazy layers that are plain directories, with switches for what goes wrong.
final class FakeLayers: LazyLayers {
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    struct State {
        var refusal: String?
        /// Why no layer is to be lazy, from the so-manieth question on.
        var aversion: (reason: String, afterQuestions: Int)?
        var questions = 0
        var unnamed: [String] = []
        var refusedRegistry: String?
        var mounted: Set<Digest> = []
        var mountCalls: [LazyLayerRequest] = []
        var unmountCalls: [Digest] = []
        var isHeld = false
        /// Whose layers nobody gets for now.
        var heldRegistry: String?
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    let directory: String
    let state = Mutex(State())

    init(directory: String) {
        self.directory = directory
    }

    /// Makes `open` wait until `open`.
    func hold() { state.withLock { $0.isHeld = true } }

    func open() {
        let waiting = state.withLock { state in
            state.isHeld = false
            state.heldRegistry = nil
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func refuse(_ reason: String?) { state.withLock { $0.refusal = reason } }

    func admit(_ request: LazyLayerRequest) async throws {
        let reason = state.withLock { state in
            state.questions += 1
            return state.aversion.flatMap { state.questions > $0.afterQuestions ? $0.reason : nil }
        }
        if let reason { throw Refusal(description: reason) }
    }

    func noteUnnamed(_ target: String, reason: String) async { state.withLock { $0.unnamed.append(target) } }

    var mountCount: Int { state.withLock { $0.mountCalls.count } }
    var mounted: Set<Digest> { state.withLock { $0.mounted } }

    func path(_ digest: Digest) -> String { "\(directory)/\(digest.hex)" }

    func open(_ request: LazyLayerRequest) async throws -> Mounting {
        state.withLock { $0.mountCalls.append(request) }
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                let isHeld = state.isHeld || state.heldRegistry == request.reference.registry
                if isHeld { state.waiting.append(continuation) }
                return !isHeld
            }
            if isFree { continuation.resume() }
        }
        let reason = state.withLock { state in
            state.refusedRegistry == request.reference.registry ? "registry \(request.reference.registry) is down" : state.refusal
        }
        if let reason { throw Refusal(description: reason) }
        return { [self] in
            try Files.makeDirectories(path(request.digest))
            state.withLock { state in
                precondition(state.mounted.insert(request.digest).inserted, "mounted twice")
            }
        }
    }

    func lowerDirectories(of layers: [Digest], keepsWhiteouts: Bool) async throws -> [String] { layers.reversed().map(path) }

    func unmount(_ digest: Digest) async {
        state.withLock { state in
            precondition(state.mounted.remove(digest) != nil, "unmounted without a mount")
            state.unmountCalls.append(digest)
        }
    }

    func usage(_ digest: Digest) async -> (bytes: Int64, inodes: Int64) { (4096, 7) }
}
