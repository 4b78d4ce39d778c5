/// Where an archive's bytes come from, already decompressed.
public protocol TarInput: AnyObject {
    /// Fills the front of `buffer` and returns how many bytes; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// The bytes of a `TarInput` behind a buffer, with their position.
struct BufferedInput: ~Copyable {
    private let input: any TarInput
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    private var pending = 0..<0
    /// Bytes taken so far.
    private(set) var offset: UInt64 = 0

    init(_ input: any TarInput) { self.input = input }

    deinit { buffer.deallocate() }

    /// Hands out between 1 and `limit` bytes, fewer only as they come; nil at the end.
    mutating func withBytes<Result>(
        atMost limit: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> (count: Int, result: Result)? {
        if pending.isEmpty {
            pending = 0..<(try input.read(into: buffer))
            guard !pending.isEmpty else { return nil }
        }
        let count = min(limit, pending.count)
        let piece = pending.lowerBound..<pending.lowerBound + count
        pending = piece.upperBound..<pending.upperBound
        offset += UInt64(count)
        return (count, try body(UnsafeRawBufferPointer(rebasing: buffer[piece])))
    }

    /// Appends `count` bytes to `output` and returns how many came before the end.
    mutating func append(_ count: Int, to output: inout [UInt8]) throws -> Int {
        var taken = 0
        while taken < count, let (size, _) = try withBytes(atMost: count - taken, { output.append(contentsOf: $0) }) {
            taken += size
        }
        return taken
    }
}
