internal import Digests
internal import FoundationEssentials
internal import LazyFS
internal import OCI
internal import Synchronization

/// What the store's nodes are called, by their numbers: what was asked for lately. The kernel asks for a name anew that is forgotten here.
final class StoreNames: Sendable {
    private let state = Mutex(State())

    private struct State {
        var images = Recent<Reference>()
        var layers = Recent<(key: LayerKey, layer: ImageLayer)>()
        var links = Recent<String>()
    }

    /// The latest values by number.
    private struct Recent<Value> {
        private var values: [UInt64: Value] = [:]
        private var order: [UInt64] = []
        /// More than the layers of the images of a node; some hundred bytes each.
        private static var capacity: Int { 4096 }

        subscript(number: UInt64) -> Value? { values[number] }

        mutating func add(_ value: Value, _ number: UInt64) {
            if values.updateValue(value, forKey: number) == nil { order.append(number) }
            if order.count > Self.capacity { values[order.removeFirst()] = nil }
        }
    }

    /// The directory of an image that is named as containers/storage does, in base64; nil for what is no image's name.
    func addImage(_ name: String) -> FrontNode? {
        guard let data = Data(base64Encoded: name), let image = try? Reference(parsing: String(decoding: data, as: UTF8.self)) else {
            return nil
        }
        let number = StoreNumber(image).raw
        state.withLock { $0.images.add(image, number) }
        return FrontNode(number: number, kind: .directory)
    }

    /// The directory of a layer.
    func add(_ layer: ImageLayer, as key: LayerKey) -> FrontNode {
        let number = StoreNumber(key).raw
        state.withLock { $0.layers.add((key, layer), number) }
        return FrontNode(number: number, kind: .directory)
    }

    /// The link to the directory that shows a layer.
    func addLink(to target: String, of key: LayerKey) -> FrontNode {
        let number = StoreNumber(key, linkTo: target).raw
        state.withLock { $0.links.add(target, number) }
        return FrontNode(number: number, kind: .link(target: target))
    }

    /// The image whose directory a node is.
    func image(_ number: UInt64) -> Reference? { state.withLock { $0.images[number] } }

    /// The layer whose directory, or a file of whose, a node is.
    func layer(_ number: UInt64) -> (key: LayerKey, layer: ImageLayer)? {
        state.withLock { $0.layers[StoreNumber(raw: number).layer] }
    }

    /// A layer that was asked for by that name.
    func layer(_ key: LayerKey) -> ImageLayer? { layer(StoreNumber(key).raw)?.layer }

    /// What a node is.
    func node(_ number: StoreNumber) -> FrontNode? {
        switch number.entry {
        case nil:
            let isKnown = state.withLock { $0.images[number.raw] != nil || $0.layers[number.raw] != nil }
            return isKnown ? FrontNode(number: number.raw, kind: .directory) : nil
        case .info: return layer(number.raw).map { FrontNode(number: number.raw, kind: .file(size: UInt64($0.layer.info.count))) }
        case .blob:
            return layer(number.raw).map { FrontNode(number: number.raw, kind: .file(size: UInt64(max(0, $0.layer.descriptor.size)))) }
        case .diff: return state.withLock { $0.links[number.raw] }.map { FrontNode(number: number.raw, kind: .link(target: $0)) }
        }
    }
}
