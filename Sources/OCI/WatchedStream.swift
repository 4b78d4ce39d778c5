internal import Synchronization

/// A blob's stream that tells how far it was read.
public final class WatchedStream: BlobStream {
    private let stream: any BlobStream
    private let report: @Sendable (Int64) -> Void
    private let position = Mutex<Int64>(0)

    /// - Parameter report: is called with the bytes read so far, after each read; again from 0 when the blob is read once more.
    public init(_ stream: any BlobStream, report: @escaping @Sendable (Int64) -> Void) {
        self.stream = stream
        self.report = report
    }

    /// As the stream that is watched.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try stream.read(into: buffer)
        report(
            position.withLock { position in
                position += Int64(count)
                return position
            })
        return count
    }

    /// As the stream that is watched.
    public func cancel() { stream.cancel() }
}
