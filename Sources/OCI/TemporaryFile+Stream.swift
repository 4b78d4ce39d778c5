public import HostSystem
internal import Threads

extension TemporaryFile {
    /// Appends everything that a stream has, which verifies it. The stream is read on a thread that may wait.
    ///
    /// - Throws: `HostError` where the file cannot be written, `CancellationError`, or what the stream throws.
    public func append(from stream: any BlobStream) async throws {
        try await BlockingTask.run(cancel: { stream.cancel() }) {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
            defer { buffer.deallocate() }
            while case let count = try stream.read(into: buffer), count > 0 {
                try self.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
    }

    /// Appends the bytes of an array.
    func append(_ bytes: [UInt8]) throws(HostError) {
        try bytes.withUnsafeBytes { buffer in Result { () throws(HostError) in try append(buffer) } }.get()
    }
}
