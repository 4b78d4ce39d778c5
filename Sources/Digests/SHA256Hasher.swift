internal import CCrypto

/// A running SHA-256 over bytes that arrive in pieces (OpenSSL, which uses SHA-NI where the processor has it).
public struct SHA256Hasher: ~Copyable {
    private let context: OpaquePointer

    /// Starts an empty hash.
    public init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            fatalError("OpenSSL cannot provide SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes, in order.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0 else { return }
        let result = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        precondition(result == 1, "EVP_DigestUpdate failed")
    }

    /// Adds bytes, in order.
    public mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// The digest of everything added so far; the hash can go on afterwards.
    public func digestSoFar() -> Digest {
        guard let copy = EVP_MD_CTX_new() else { fatalError("OpenSSL is out of memory") }
        defer { EVP_MD_CTX_free(copy) }
        precondition(EVP_MD_CTX_copy_ex(copy, context) == 1, "EVP_MD_CTX_copy_ex failed")
        return SHA256Hasher.finish(copy)
    }

    /// Ends the hash.
    public consuming func finalize() -> Digest {
        SHA256Hasher.finish(context)
    }

    private static func finish(_ context: OpaquePointer) -> Digest {
        withUnsafeTemporaryAllocation(byteCount: Digest.byteCount, alignment: 8) { buffer in
            let result = EVP_DigestFinal_ex(context, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), nil)
            precondition(result == 1, "EVP_DigestFinal_ex failed")
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
