internal import Digests

/// A blob that is read in parts.
public protocol BlobRanges: Sendable {
    /// Reads the bytes at some offsets, all of which are within the blob. Not verified: a part has no digest.
    func read(_ range: Range<UInt64>) async throws -> [UInt8]
    /// Reads the last bytes, all when there are fewer, and the blob's size.
    func readSuffix(_ count: Int) async throws -> (bytes: [UInt8], blobSize: UInt64)
}

/// A part of a file as a blob in parts.
struct FileRanges: BlobRanges {
    let file: LayoutFile
    let start: Int64
    let size: UInt64

    func read(_ range: Range<UInt64>) async throws -> [UInt8] {
        guard range.upperBound <= size else { throw LayoutError.notALayout(path: file.path, reason: "it ends too early") }
        return try file.bytes(at: start + Int64(range.lowerBound), count: range.count)
    }

    func readSuffix(_ count: Int) async throws -> (bytes: [UInt8], blobSize: UInt64) {
        (try await read(size - min(size, UInt64(count))..<size), size)
    }
}

/// A blob that can only be read from its front: a part costs everything before it.
private struct StreamedRanges: BlobRanges {
    let source: any ImageSource
    let descriptor: Descriptor

    func read(_ range: Range<UInt64>) async throws -> [UInt8] {
        let stream = try await source.blob(descriptor)
        defer { stream.cancel() }
        return try await stream.part(range)
    }

    func readSuffix(_ count: Int) async throws -> (bytes: [UInt8], blobSize: UInt64) {
        let size = UInt64(max(0, descriptor.size))
        return (try await read(size - min(size, UInt64(count))..<size), size)
    }
}

extension ImageSource {
    /// A blob to be read in parts; where the source knows no better, each part reads everything before it.
    public func ranges(_ descriptor: Descriptor) async throws -> any BlobRanges { StreamedRanges(source: self, descriptor: descriptor) }

    /// No second image here.
    public func companion(tagSuffix: String) throws -> any ImageSource { throw NoCompanionError(name: name) }
}

/// A file that is a layer's blob by itself.
public struct BlobFile: ImageSource {
    private let file: LayoutFile
    /// Path of the file.
    public var name: String { file.path }
    /// The blob's size in bytes.
    public let size: Int64

    /// Opens a file.
    ///
    /// - Throws: `LayoutError`.
    public init(_ path: String) throws {
        file = try LayoutFile(path)
        size = try file.size()
    }

    /// The file described, its digest taken: gzip or zstd by its first bytes.
    public func descriptor() throws -> Descriptor {
        var hasher = SHA256Hasher()
        var type = MediaType.layerTar
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset: Int64 = 0
        while case let count = try buffer.withUnsafeMutableBytes({ try file.read(into: $0, at: offset) }), count > 0 {
            if offset == 0, buffer.starts(with: [0x1f, 0x8b]) { type = MediaType.layerGzip }
            if offset == 0, buffer.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) { type = MediaType.layerZstd }
            buffer.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            offset += Int64(count)
        }
        return Descriptor(mediaType: type, digest: hasher.finalize(), size: size)
    }

    /// The whole file in parts, whatever the descriptor says.
    public func ranges(_ descriptor: Descriptor) async throws -> any BlobRanges { FileRanges(file: file, start: 0, size: UInt64(size)) }

    /// There is no image here.
    public func root() async throws -> (Descriptor, [UInt8]) { throw LayoutError.notALayout(path: name, reason: "it is a blob") }
    /// There is no image here.
    public func document(_ descriptor: Descriptor) async throws -> [UInt8] { try await root().1 }
    /// The file as a blob.
    public func blob(_ descriptor: Descriptor) async throws -> any BlobStream { FileBlobStream(file, start: 0, descriptor: descriptor) }
}
