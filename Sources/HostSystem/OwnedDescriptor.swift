internal import Glibc

/// An open descriptor that is closed with its owner.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number, valid as long as the owner.
    public let raw: Int32

    /// Takes charge of an open descriptor.
    public init(_ raw: Int32) { self.raw = raw }

    deinit { close(raw) }

    /// Gives the descriptor to the caller, who closes it.
    public consuming func release() -> Int32 {
        let raw = raw
        discard self
        return raw
    }
}
