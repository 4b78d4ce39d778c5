internal import CCrypto

/// A running SHA-256 over bytes that arrive in pieces (OpenSSL, which uses SHA-NI where the processor has it).
public struct SHA256Hasher: ~Copyable {
    private var context = SHA256_CTX()

    /// Starts an empty hash.
    public init() {
        let result = SHA256_Init(&context)
        precondition(result == 1, "SHA256_Init failed")
    }

    /// Adds bytes, in order.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0 else { return }
        let result = SHA256_Update(&context, bytes.baseAddress, bytes.count)
        precondition(result == 1, "SHA256_Update failed")
    }

    /// Adds bytes, in order.
    public mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// The digest of everything added so far; the hash can go on afterwards.
    public func digestSoFar() -> Digest { SHA256Hasher.finish(context) }

    /// Ends the hash.
    public consuming func finalize() -> Digest { SHA256Hasher.finish(context) }

    private static func finish(_ context: SHA256_CTX) -> Digest {
        var context = context
        return withUnsafeTemporaryAllocation(byteCount: Digest.byteCount, alignment: 8) { buffer in
            let result = SHA256_Final(buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), &context)
            precondition(result == 1, "SHA256_Final failed")
            return Digest(bytes: UnsafeRawBufferPointer(buffer))
        }
    }
}

extension Digest {
    /// The digest of bytes in memory.
    public static func sha256(_ bytes: UnsafeRawBufferPointer) -> Digest {
        var hasher = SHA256Hasher()
        hasher.update(bytes)
        return hasher.finalize()
    }

    /// The digest of bytes in memory.
    public static func sha256(_ bytes: [UInt8]) -> Digest {
        bytes.withUnsafeBytes { sha256($0) }
    }
}
