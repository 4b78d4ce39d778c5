import Digests
public import OCI
public import Tar

/// A one-layer image of testdata/fixtures, in memory.
public struct FixtureImage {
    /// The layer's descriptor.
    public let layer: Descriptor
    /// The layer's blob.
    public let blob: [UInt8]

    /// Reads an OCI archive of one image with one layer.
    public init(archive path: String) throws {
        var files: [String: [UInt8]] = [:]
        let reader = TarReader(try FileInput(path))
        while let entry = try reader.next() {
            var bytes: [UInt8] = []
            while try reader.withPayload(atMost: 1 << 20, { bytes.append(contentsOf: $0) }) != nil {}
            files[entry.name.hasPrefix("./") ? String(entry.name.dropFirst(2)) : entry.name] = bytes
        }
        func blob(_ descriptor: Descriptor) -> [UInt8] { files["blobs/sha256/" + descriptor.digest.hex] ?? [] }
        let index = try Documents.decode(Index.self, from: files["index.json"] ?? [], what: path + " index.json")
        let manifest = try Documents.decode(Manifest.self, from: blob(index.manifests[0]), what: path + " manifest")
        layer = manifest.layers[0]
        self.blob = blob(layer)
    }
}

/// The bytes of a file, for the tar reader.
public final class FileInput: TarInput {
    private let bytes: [UInt8]
    private var position = 0

    /// Reads a whole (small) file.
    public init(_ path: String) throws { bytes = try Fixtures.bytes(path) }

    /// Hands out the next bytes.
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, bytes.count - position)
        buffer.copyBytes(from: bytes[position..<position + count])
        position += count
        return count
    }
}
