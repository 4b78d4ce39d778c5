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

    /// A whole small blob.
    static func readAll(_ descriptor: Descriptor, from source: any ImageSource) async throws -> [UInt8] {
        guard descriptor.size >= 0, descriptor.size <= Int64(Documents.maximumSize) else {
            throw DocumentError.tooLarge(what: "\(descriptor.digest)", size: Int(clamping: descriptor.size))
        }
        let reader = BlobReader(try await source.blob(descriptor))
        defer { reader.close() }
        // One byte more, so that the end is reached, where the stream verifies.
        return try await reader.read(limit: Int(descriptor.size) + 1)
    }
}
