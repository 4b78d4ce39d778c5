internal import Threads

extension ImageSource {
    /// A configuration or another small blob as a whole, verified.
    ///
    /// - Throws: `DocumentError.tooLarge` for more than `Documents.maximumSize` bytes, or what the source throws.
    public func smallBlob(_ descriptor: Descriptor) async throws -> [UInt8] {
        let what = "\(descriptor.digest) of \(name)"
        guard descriptor.size <= Documents.maximumSize else { throw DocumentError.tooLarge(what: what, size: Int(descriptor.size)) }
        let stream = try await blob(descriptor)
        defer { stream.cancel() }
        return try await BlockingTask.run(cancel: { stream.cancel() }) {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while case let count = try buffer.withUnsafeMutableBytes({ try stream.read(into: $0) }), count > 0 {
                bytes += buffer[..<count]
                // A descriptor may lie about the size.
                guard bytes.count <= Documents.maximumSize else { throw DocumentError.tooLarge(what: what, size: bytes.count) }
            }
            return bytes
        }
    }
}
