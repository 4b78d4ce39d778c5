internal import OCI
internal import Threads

/// Reads a blocking `BlobStream` from asynchronous code: another thread waits, Swift's cooperative pool does not.
struct BlobReader: Sendable {
    private let stream: any BlobStream

    /// Takes the stream over.
    init(_ stream: any BlobStream) {
        self.stream = stream
    }

    /// Ends the stream. To be called once, whatever happened.
    func close() { stream.cancel() }

    /// The next bytes: `limit` of them, fewer only before the end; none at the end, and then the content was verified.
    ///
    /// Reads must follow each other. Cancelling the task ends the stream.
    func read(limit: Int) async throws -> [UInt8] {
        try await BlockingTask.run(cancel: { [stream] in stream.cancel() }) { [stream] in
            try Self.fill(limit, from: stream)
        }
    }

    private static func fill(_ limit: Int, from stream: any BlobStream) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            let buffer = UnsafeMutableRawBufferPointer(buffer)
            while count < limit {
                let added = try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
                if added == 0 { break }
                count += added
            }
        }
    }
}
