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

extension BlobStream {
    /// Reads to the end of a range and keeps the range.
    ///
    /// - Throws: `DocumentError.malformed` when the blob ends before; what the stream throws.
    func part(_ range: Range<UInt64>) async throws -> [UInt8] {
        try await BlockingTask.run(cancel: { self.cancel() }) {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(range.count)
            var position: UInt64 = 0
            var buffer = [UInt8](repeating: 0, count: 256 << 10)
            while position < range.upperBound {
                let count = try buffer.withUnsafeMutableBytes { try self.read(into: $0) }
                guard count > 0 else { throw DocumentError.malformed(what: "blob", reason: "it ends at byte \(position)") }
                let next = position + UInt64(count)
                let wanted = max(position, range.lowerBound)..<max(position, range.lowerBound, min(next, range.upperBound))
                if !wanted.isEmpty { bytes += buffer[Int(wanted.lowerBound - position)..<Int(wanted.upperBound - position)] }
                position = next
            }
            return bytes
        }
    }
}
