public import OCI
public import Registry

/// A blob on this machine as a source of ranges.
public struct LocalBlob: RangeSource {
    private let ranges: any BlobRanges

    /// Bytes of a piece that is read at once.
    private static let piece: UInt64 = 1 << 20

    /// A blob that is read in parts.
    public init(_ ranges: any BlobRanges) { self.ranges = ranges }

    /// Reads a range piece by piece.
    public func stream(
        _ range: Range<UInt64>, receive: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool,
        completion: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) -> any CancellableTransfer {
        Reading(
            Task { [ranges] in
                do {
                    var position = range.lowerBound
                    while position < range.upperBound {
                        try Task.checkCancellation()
                        let end = min(range.upperBound, position + LocalBlob.piece)
                        let bytes = try await ranges.read(position..<end)
                        guard bytes.withUnsafeBytes(receive) else { break }
                        position = end
                    }
                    completion(.success(()))
                } catch {
                    completion(.failure(error))
                }
            })
    }

    private struct Reading: CancellableTransfer {
        private let task: Task<Void, Never>
        init(_ task: Task<Void, Never>) { self.task = task }
        func cancel() { task.cancel() }
    }
}
