public import Registry

/// Where ranges of a blob come from: a registry, or in tests a file.
public protocol RangeSource: Sendable {
    /// Delivers the bytes of `range` in order through `receive` (false stops), then calls `completion` once. Callbacks come from one thread that must not be blocked.
    ///
    /// One attempt: after a failure the engine decides whether and when the rest is asked for again.
    ///
    /// - Returns: the transfer, to be given up; `completion` is called all the same.
    func stream(
        _ range: Range<UInt64>, receive: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool,
        completion: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) -> any CancellableTransfer

    /// The last bytes that came were not the blob's: if there is another place that has it, that one is to be asked next.
    func doubt()
}

extension RangeSource {
    /// There is no other place.
    public func doubt() {}
}

extension RemoteBlob: RangeSource {
    /// Streams a range from the registry.
    public func stream(
        _ range: Range<UInt64>, receive: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool,
        completion: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) -> any CancellableTransfer {
        stream(range, receive: receive) { (result: Result<Void, RangeFailure>) in completion(result.mapError { $0 }) }
    }
}
