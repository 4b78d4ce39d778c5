internal import EStargz
internal import HostSystem
internal import OCI

/// How blobs get to a destination: through an ingest, and through another one when what the first had sent is lost.
struct BlobDelivery: Sendable {
    let destination: any ImageDestination
    /// Directory for temporary files, where the destination has no better place.
    let directory: String

    /// An ingest that is open, and what it may cost here.
    struct Opening: Sendable {
        let ingest: any BlobIngest
        let budget: DiskBudget
    }

    /// Opens an ingest.
    ///
    /// - Parameters:
    ///   - limit: bytes of temporary files; nil for any number.
    ///   - onUnbounded: called with the reason when the limit cannot be kept.
    func open(limit: Int64?, onUnbounded: @escaping @Sendable (String) -> Void = { _ in }) async throws -> Opening {
        let budget = DiskBudget(limit: limit)
        let terms = IngestTerms(directory: directory, budget: budget, onUnbounded: onUnbounded)
        return Opening(ingest: try await destination.ingest(terms), budget: budget)
    }

    /// Runs `body`, which commits a blob. When the destination has lost the front of the blob, `body` runs once more, and keeps it all.
    func deliver<Value: Sendable>(
        through opening: Opening, onUnbounded: (String) -> Void = { _ in }, _ body: (Opening) async throws -> Value
    ) async throws -> Value {
        do {
            return try await opening.ingest.ending { _ in try await body(opening) }
        } catch let lost as LostBlobError where !Task.isCancelled {
            onUnbounded(lost.reason)
            let again = try await open(limit: nil)
            return try await again.ingest.ending { _ in try await body(again) }
        }
    }
}

/// An ingest as what a layer's writer writes to.
final class IngestOutput: BlobOutput {
    private let ingest: any BlobIngest

    init(_ ingest: any BlobIngest) { self.ingest = ingest }

    func write(_ bytes: UnsafeRawBufferPointer) throws { try ingest.write(bytes) }
}
