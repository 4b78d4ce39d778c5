internal import Compression
public import Digests
internal import EStargz
internal import FetchEngine
internal import HostSystem
public import OCI
internal import Tar
internal import Threads
internal import TreeImage

/// Verifies a layer against everything that is said of it, in one download: digest and size of the blob, the compressed stream as a whole, the
/// diffID, and for a lazy layer the TOC, every chunk, and that the TOC tells of the same files as the archive.
public struct LayerVerifier: Sendable {
    /// The image's layers, lowest first.
    public let layers: [Descriptor]
    /// Digests of the uncompressed layers, as the configuration says.
    public let diffIDs: [Digest]
    private let source: any ImageSource

    /// What was verified of a layer.
    public struct Outcome: Sendable {
        /// Name of the format; nil for an ordinary layer.
        public let format: String?
        /// Chunks whose digests were right.
        public let chunkCount: Int
        /// Uncompressed bytes.
        public let uncompressedSize: UInt64
    }

    /// Reads an image's manifest and configuration.
    ///
    /// - Throws: what the source throws; `DocumentError`.
    public init(_ source: any ImageSource, platform: Platform) async throws {
        let image = try await PlatformImage(source: source, platform: platform)
        let config = try Documents.decode(
            ImageConfig.self, from: try await source.smallBlob(image.manifest.config), what: "configuration of \(source.name)")
        self.source = source
        layers = image.manifest.layers
        diffIDs = config.rootfs?.diffIDs ?? []
        guard layers.count == diffIDs.count else { throw InspectionError.layerCount(layers.count, diffIDs.count) }
    }

    /// Verifies one layer.
    ///
    /// - Throws: `InspectionError.wrong` with what is wrong.
    public func verify(_ index: Int) async throws -> Outcome {
        let descriptor = layers[index]
        do {
            let table: LayerTable?
            do throws(LayerRefusal) {
                table = try await LayerTable.read(descriptor, of: source)
            } catch {
                // An ordinary layer has only its digests; everything else that a lazy layer could be refused for is wrong.
                guard case .notVerifiable = error else { throw error }
                table = nil
            }
            let stream = try await source.blob(descriptor)
            defer { stream.cancel() }
            return try await BlockingTask.run(cancel: { stream.cancel() }) { try verify(stream, descriptor, table, diffIDs[index]) }
        } catch let error as InspectionError {
            throw error
        } catch {
            throw InspectionError.wrong(layer: index + 1, count: layers.count, digest: descriptor.digest, reason: "\(error)")
        }
    }

    private func verify(_ stream: any BlobStream, _ descriptor: Descriptor, _ table: LayerTable?, _ diffID: Digest) throws -> Outcome {
        let directory = try TemporaryDirectory(prefix: "starling-verify-")
        var chunks: ChunkVerifier?
        if let table {
            let path = directory.path + "/chunks"
            try AtomicFile.write(table.compiled().chunkMap, to: path)
            chunks = ChunkVerifier(map: try ChunkMap(path: path), layer: descriptor.digest)
        }
        let content = try Content(
            DecompressingReader { buffer in
                let count = try stream.read(into: buffer)
                try chunks?.receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                return count
            })
        let differences = try table.map { try content.differences(from: $0.toc) } ?? []
        try content.readToEnd()
        try chunks?.finish()
        guard content.digest == diffID else { throw DiffIDMismatch(expected: diffID, actual: content.digest) }
        guard differences.isEmpty else { throw OtherFiles(differences: differences) }
        return Outcome(format: table?.format, chunkCount: chunks?.verifiedCount ?? 0, uncompressedSize: content.size)
    }

    /// The uncompressed layer, hashed as it is read.
    private final class Content: TarInput {
        private let reader: DecompressingReader
        private var hasher = SHA256Hasher()
        private(set) var size: UInt64 = 0

        init(_ reader: DecompressingReader) { self.reader = reader }

        var digest: Digest { hasher.digestSoFar() }

        func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
            let count = try reader.read(into: buffer)
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            size += UInt64(count)
            return count
        }

        /// Reads the archive, and what its files have of others than a TOC says.
        func differences(from toc: TOC) throws -> [String] {
            var comparison = TableComparison(toc)
            let archive = TarReader(self)
            while let entry = try archive.next() { try comparison.read(entry, archive) }
            try archive.withTail { _ in }
            return comparison.differences
        }

        func readToEnd() throws {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
            defer { buffer.deallocate() }
            while try read(into: buffer) > 0 {}
        }
    }

    /// Whoever runs the layer lazily gets other files than who unpacks it.
    private struct OtherFiles: Error, CustomStringConvertible {
        let differences: [String]
        var description: String {
            "its TOC tells of other files than its archive has: \(differences[0])"
                + (differences.count > 1 ? ", and \(differences.count - 1) more" : "")
        }
    }

    private struct DiffIDMismatch: Error, CustomStringConvertible {
        let expected: Digest
        let actual: Digest
        var description: String { "its content has the digest \(actual), the configuration says \(expected)" }
    }
}
