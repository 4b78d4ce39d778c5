import Conversion
import Digests
import OCI
import Synchronization

/// Shows a conversion's progress on standard error: one moving line on a terminal, a line per layer otherwise.
final class ConversionDisplay: Sendable {
    private let style: ProgressStyle
    private let moves: Bool
    private let state = Mutex(State())

    private struct State {
        var total: Int64 = 0
        var read: [LayerName: Int64] = [:]
        var layers = 0
        var stored = 0
        var line = MovingLine()
    }

    init(_ style: ProgressStyle) {
        self.style = style
        moves = style.moves
    }

    func show(_ event: ConversionEvent) {
        if style == .none { return }
        if style == .json { return Terminal.show(ConversionDisplay.json(event) + "\n") }
        state.withLock { state in
            switch event {
            case .planned(let layers, let bytes):
                state.layers = layers
                state.total = bytes
            case .started(let layer, _): line("\(layer): converting", &state)
            case .progress(let layer, let bytes): state.read[layer] = bytes
            case .waitsWhole(let layer, let reason): line("\(layer): waits whole in a temporary file: \(reason)", &state)
            case .converted(let layer, let descriptor): line("\(layer): converted, \(descriptor.size) bytes", &state)
            case .reused(let layer): line("\(layer): is in the format already", &state)
            case .stored(_, let wasThere):
                state.stored += 1
                if wasThere { line("a layer is at the destination already", &state) }
            case .finished: break
            }
            draw(&state)
        }
    }

    /// One object, for programs: `event`, and what belongs to it.
    private static func json(_ event: ConversionEvent) -> String {
        var members: [String: JSONValue] = [:]
        func describe(_ name: String, _ layer: LayerName? = nil) {
            members["event"] = .string(name)
            guard let layer else { return }
            members["layer"] = .integer(Int64(layer.number))
            members["layers"] = .integer(Int64(layer.count))
            members["source"] = .string(layer.digest.description)
        }
        switch event {
        case .planned(let layers, let bytes):
            describe("planned")
            (members["layers"], members["bytes"]) = (.integer(Int64(layers)), .integer(bytes))
        case .started(let layer, let bytes):
            describe("started", layer)
            members["bytes"] = .integer(bytes)
        case .progress(let layer, let bytes):
            describe("progress", layer)
            members["bytes"] = .integer(bytes)
        case .waitsWhole(let layer, let reason):
            describe("waitsWhole", layer)
            members["reason"] = .string(reason)
        case .converted(let layer, let descriptor):
            describe("converted", layer)
            (members["digest"], members["size"]) = (.string(descriptor.digest.description), .integer(descriptor.size))
        case .reused(let layer): describe("reused", layer)
        case .stored(let layer, let wasThere):
            describe("stored", layer)
            members["wasThere"] = .bool(wasThere)
        case .finished(let descriptor):
            describe("finished")
            members["digest"] = .string(descriptor.digest.description)
        }
        return ProgressStyle.json(members)
    }

    /// Leaves the terminal's line clean.
    func end() {
        state.withLock { $0.line.clear() }
    }

    private func line(_ text: String, _ state: inout State) {
        guard !moves else { return }
        Terminal.show(text + "\n")
    }

    private func draw(_ state: inout State) {
        guard moves else { return }
        let read = state.read.values.reduce(0, +)
        state.line.draw(
            read, of: state.total, "\(read >> 20)/\(state.total >> 20) MiB read, \(state.stored)/\(state.layers) layers stored")
    }
}
