internal import Synchronization

/// Verified chunks that the disk had no room for: readable for a while, from memory, so that a full disk makes reads slow and not wrong.
///
/// One per store, bounded; the oldest go first. A chunk that went is fetched again when it is read again.
final class ChunkOverflow: Sendable {
    /// Bytes kept at most; a single larger chunk is kept alone.
    static let capacity = 64 << 20

    private struct Key: Hashable {
        let layer: ObjectIdentifier
        let chunk: Int
    }

    private struct State {
        var chunks: [Key: [UInt8]] = [:]
        var order: [Key] = []
        var bytes = 0
    }

    private let state = Mutex(State())

    func keep(_ bytes: UnsafeRawBufferPointer, chunk: Int, of layer: StoredLayer) {
        let key = Key(layer: ObjectIdentifier(layer), chunk: chunk)
        let copy = Array(bytes)
        state.withLock { state in
            guard state.chunks[key] == nil else { return }
            while state.bytes + copy.count > ChunkOverflow.capacity, let oldest = state.order.first {
                state.order.removeFirst()
                state.bytes -= state.chunks.removeValue(forKey: oldest)?.count ?? 0
            }
            state.chunks[key] = copy
            state.order.append(key)
            state.bytes += copy.count
        }
    }

    /// Copies a part of a chunk; false when the chunk is not kept.
    func copy(chunk: Int, of layer: StoredLayer, from offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
        let key = Key(layer: ObjectIdentifier(layer), chunk: chunk)
        return state.withLock { state in
            guard let bytes = state.chunks[key], offset + buffer.count <= bytes.count else { return false }
            bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + buffer.count])) }
            return true
        }
    }

    /// Forgets everything of a layer, whose identity another may get.
    func forget(_ layer: StoredLayer) {
        let identity = ObjectIdentifier(layer)
        state.withLock { state in
            guard !state.order.isEmpty else { return }
            state.order.removeAll { $0.layer == identity }
            for key in state.chunks.keys where key.layer == identity { state.bytes -= state.chunks.removeValue(forKey: key)?.count ?? 0 }
        }
    }
}
