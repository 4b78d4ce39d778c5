/// A payload in memory.
public final class BytesPayload: TarPayload {
    private let bytes: [UInt8]
    private let paddingBytes: [UInt8]
    private var position = 0

    /// A payload, and the padding that follows it.
    public init(_ bytes: [UInt8], padding: [UInt8]) {
        self.bytes = bytes
        paddingBytes = padding
    }

    /// Hands out the next bytes.
    public func withPayload<Result>(atMost limit: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result? {
        let end = min(bytes.count, position + limit)
        guard position < end else { return nil }
        defer { position = end }
        return try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[position..<end])) }
    }

    /// The padding.
    public func padding() -> [UInt8] { paddingBytes }
}
