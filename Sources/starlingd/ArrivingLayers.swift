internal import LazyFS
internal import OCI
internal import Synchronization

/// Layers of images as they are mounted, handed to one task for each image that does something about them. The tasks run for no call: they are asked to
/// end with the daemon, and waited for.
final class ArrivingLayers: Sendable {
    /// Does something about layers of an image, called again with those that have come meanwhile.
    typealias Work = @Sendable (_ image: Reference, _ layers: [LazyNode.Opened]) async -> Void

    private let state = Mutex(State())

    private struct State {
        var images: [Reference: Arrived] = [:]
        var isOver = false
    }

    private struct Arrived {
        var layers: [LazyNode.Opened]
        let task: Task<Void, Never>
    }

    /// Images whose layers are waited for at once; of more, nothing is done.
    private static let mostImages = 64

    /// A layer has come.
    func add(_ layer: LazyNode.Opened, of image: Reference, _ work: @escaping Work) {
        state.withLock { state in
            guard !state.isOver else { return }
            if state.images[image] != nil {
                state.images[image]?.layers.append(layer)
            } else if state.images.count < ArrivingLayers.mostImages {
                state.images[image] = Arrived(
                    layers: [layer],
                    task: Task { [self] in
                        while let layers = next(image) { await work(image, layers) }
                    })
            }
        }
    }

    /// Layers that have come since the last time; nil, and the image is forgotten, when there are none.
    private func next(_ image: Reference) -> [LazyNode.Opened]? {
        state.withLock { state in
            guard let layers = state.images[image]?.layers, !layers.isEmpty, !state.isOver else {
                state.images[image] = nil
                return nil
            }
            state.images[image]?.layers = []
            return layers
        }
    }

    /// Ends all tasks.
    func end() async {
        let tasks = state.withLock { state in
            state.isOver = true
            return state.images.values.map(\.task)
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }
}
