import Daemons
import Digests
import OCI
import Synchronization

/// Shows a pull's progress on standard error: a line per layer, and on a terminal one that moves while a layer is downloaded.
final class PullDisplay: Sendable {
    private let style: ProgressStyle
    private let state: Mutex<State>

    private struct State {
        var line = MovingLine()
        /// Bytes of the blob of the layer whose turn it is.
        var size: Int64 = 0
    }

    init(_ style: ProgressStyle) {
        self.style = style
        state = Mutex(State())
    }

    func show(_ event: PullEvent) {
        if style == .none { return }
        if style == .json { return Terminal.show(ProgressStyle.json(PullDisplay.members(event)) + "\n") }
        state.withLock { state in
            switch event {
            case .started(_, let size): state.size = size
            case .progress(let name, let bytes):
                guard style.moves else { return }
                state.line.draw(bytes, of: state.size, "\(name): \(bytes >> 20)/\(state.size >> 20) MiB")
            case .finished(let name, let report):
                state.line.clear()
                Terminal.say("layer \(name.number) of \(name.count): \(report)")
            }
        }
    }

    /// For programs: `event`, and what belongs to it.
    private static func members(_ event: PullEvent) -> [String: JSONValue] {
        func describe(_ event: String, _ layer: LayerName) -> [String: JSONValue] {
            [
                "event": .string(event), "layer": .integer(Int64(layer.number)), "layers": .integer(Int64(layer.count)),
                "digest": .string(layer.digest.description),
            ]
        }
        switch event {
        case .started(let layer, let size): return describe("started", layer).merging(["bytes": .integer(size)]) { $1 }
        case .progress(let layer, let bytes): return describe("progress", layer).merging(["bytes": .integer(bytes)]) { $1 }
        case .finished(let layer, let report):
            var members = describe("finished", layer)
            switch report.outcome {
            case .present: members["outcome"] = .string("present")
            case .lazy: members["outcome"] = .string("lazy")
            case .fetched: members["outcome"] = .string("fetched")
            case .pulled(let reason): (members["outcome"], members["reason"]) = (.string("pulled"), .string(reason))
            }
            return members
        }
    }

    /// Leaves the terminal's line clean.
    func end() { state.withLock { $0.line.clear() } }
}
