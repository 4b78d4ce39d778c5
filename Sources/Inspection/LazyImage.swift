internal import Digests
internal import EStargz
internal import FetchEngine
internal import HostSystem
public import OCI
internal import TreeImage

/// An image whose layers are all lazy, opened by ranges: names, attributes and contents, and nothing downloaded but what is asked for.
public struct LazyImage: Sendable {
    /// The tree that a container would see.
    public let tree: MergedTree
    private let source: any ImageSource
    private let layers: [Layer]
    /// Holds the compiled files as long as they are mapped.
    private let directory: TemporaryDirectory

    fileprivate struct Layer: Sendable {
        let descriptor: Descriptor
        let tree: LayerTree
        let chunks: ChunkMap
        let blob: any BlobRanges
    }

    /// Opens all layers of the image for a platform at once.
    ///
    /// - Throws: `InspectionError.notLazy` with the layer that is not, or what the source throws.
    public init(_ source: any ImageSource, platform: Platform) async throws {
        let manifest = try await PlatformImage(source: source, platform: platform).manifest
        let directory = try TemporaryDirectory(prefix: "starling-inspect-")
        let count = manifest.layers.count
        let opened = try await withThrowingTaskGroup(of: (Int, Layer).self) { group in
            for (index, descriptor) in manifest.layers.enumerated() {
                group.addTask {
                    do throws(LayerRefusal) {
                        let compiled = try await LayerTable.read(descriptor, of: source).compiled()
                        return (index, try await Layer(descriptor, compiled, source, "\(directory.path)/\(index)"))
                    } catch {
                        throw InspectionError.notLazy(layer: index + 1, count: count, digest: descriptor.digest, reason: error)
                    }
                }
            }
            return try await group.reduce(into: [Int: Layer]()) { $0[$1.0] = $1.1 }
        }
        self.source = source
        self.directory = directory
        layers = manifest.layers.indices.compactMap { opened[$0] }
        tree = MergedTree(layers.map(\.tree))
    }

    /// Reads a regular file from its front to its end, chunk by chunk, each verified before `body` sees it.
    ///
    /// - Throws: `InspectionError`, `ChunkMismatch`, what the source or `body` throws.
    public func read(_ path: String, _ body: ([UInt8]) throws -> Void) async throws {
        guard let file = tree.find(path) else { throw InspectionError.noFile(path: path, image: source.name) }
        guard file.isRegular else { throw InspectionError.notRegular(path: path, image: source.name) }
        let layer = layers[file.layer]
        let reader = ChunkReader(map: layer.chunks, blob: layer.blob, layer: layer.descriptor.digest)
        var position: UInt64 = 0
        while position < file.attributes.size {
            guard let index = layer.chunks.index(containing: file.attributes.contentOffset + position) else {
                throw InspectionError.wrong(
                    layer: file.layer + 1, count: layers.count, digest: layer.descriptor.digest,
                    reason: "\(path) has no data at byte \(position)")
            }
            let bytes = try await reader.read(index)
            try body(bytes)
            position += UInt64(bytes.count)
        }
    }
}

extension LazyImage.Layer {
    fileprivate init(
        _ descriptor: Descriptor, _ compiled: CompiledLayer, _ source: any ImageSource, _ path: String
    ) async throws(LayerRefusal) {
        do {
            try AtomicFile.write(compiled.erofs, to: path + ".erofs")
            try AtomicFile.write(compiled.chunkMap, to: path + ".chunks")
            self.init(
                descriptor: descriptor, tree: try LayerTree(path: path + ".erofs"), chunks: try ChunkMap(path: path + ".chunks"),
                blob: try await source.ranges(descriptor))
        } catch {
            throw .store("\(error)")
        }
    }
}
