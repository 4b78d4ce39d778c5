/// Bytes that arrive in pieces and leave in the reader's portions, first in, first out. Not synchronized, not bounded: who fills it does both.
public struct ByteQueue {
    private var pieces: [[UInt8]] = []
    /// Bytes of the first piece that were taken.
    private var position = 0

    /// Bytes in memory: a piece counts until all of it was taken.
    public private(set) var held = 0

    /// An empty queue.
    public init() {}

    /// Whether there is nothing to take.
    public var isEmpty: Bool { pieces.isEmpty }

    /// Adds a piece; an empty one is nothing.
    public mutating func append(_ piece: [UInt8]) {
        guard !piece.isEmpty else { return }
        pieces.append(piece)
        held += piece.count
    }

    /// Fills the front of `buffer` with the oldest bytes, of one piece at most, and returns how many; 0 only when either is empty.
    public mutating func take(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard let piece = pieces.first else { return 0 }
        let count = min(buffer.count, piece.count - position)
        buffer.copyBytes(from: piece[position..<position + count])
        position += count
        if position == piece.count {
            pieces.removeFirst()
            position = 0
            held -= piece.count
        }
        return count
    }

    /// Forgets everything.
    public mutating func removeAll() { self = ByteQueue() }
}
