// Conversion: an image in, the same image out with its layers in eStargz.
//
//   ImageSource ─documents─▶ ImagePlan ─layers─▶ LayerConverter ─blobs─▶ ImageDestination
//                                                     │                        ▲
//                     pull ▸ decompress ▸ EStargzWriter ▸ BlobIngest           │
//                                                                              │
//                            configuration, manifest, index, and last the tag ─┘
//
// Layers run beside each other and share one pool of compressing threads, which bounds memory. Where a destination wants the digest first, a
// layer waits in a temporary file of at most its size in the source (`BlobDelivery`). Nothing is tagged unless everything is there; no end
// of the process leaves a temporary file (`TemporaryFile`).
// The room knows nothing of registries, layouts or archives beyond the two protocols, and prints nothing.

internal import Digests
internal import EStargz
internal import HostSystem
public import OCI

/// Converts images. One value may serve several conversions.
///
///     let converter = ImageConverter(options: ConversionOptions())
///     let result = try await converter.convert(from: source, to: destination)
public struct ImageConverter: Sendable {
    private let options: ConversionOptions
    private let report: @Sendable (ConversionEvent) -> Void

    /// A converter.
    ///
    /// - Parameter progress: called from any thread as things happen; must return at once.
    public init(options: ConversionOptions = ConversionOptions(), progress: @escaping @Sendable (ConversionEvent) -> Void = { _ in }) {
        self.options = options
        report = progress
    }

    /// Converts an image and tags it at the destination.
    ///
    /// - Throws: `ConversionError`, `EStargzWriterError` for options that do not exist, `CancellationError`, or what source and
    ///   destination throw. The destination was told to abandon what it has then.
    public func convert(from source: any ImageSource, to destination: any ImageDestination) async throws -> ConversionResult {
        do {
            return try await attempt(source, destination)
        } catch {
            // A task of its own: it has to run to its end when ours was cancelled.
            await Task { await destination.abandon() }.value
            if Task.isCancelled { throw CancellationError() }
            throw error
        }
    }

    private func attempt(_ source: any ImageSource, _ destination: any ImageDestination) async throws -> ConversionResult {
        let pool = try MemberPool(jobs: options.jobs, compression: options.writer.format.compression, level: options.level)
        try options.writer.validate()
        let companion = try companion(of: destination)
        let plan = try await ImagePlanner(source: source, platforms: options.platforms).plan()
        let layers = try ImageConverter.layers(of: plan)
        try await destination.check()
        try await companion?.check()

        let directory = options.temporaryDirectory ?? destination.stagingDirectory ?? Paths.spoolDirectory
        try ImageConverter.check(directory)
        report(.planned(layers: layers.count, bytes: layers.reduce(0) { $0 + $1.descriptor.size }))
        let delivery = BlobDelivery(destination: destination, directory: directory)
        let converter = LayerConverter(source: source, delivery: delivery, options: options, pool: pool, report: report)
        let converted = try await convert(layers, with: converter)

        let writer = DocumentWriter(source: source, delivery: delivery)
        let result = try await writer.write(plan, layers: converted)
        try Task.checkCancellation()
        // Before the image that needs it.
        if let companion { try await TOCImage(destination: companion).write(result.images.flatMap(\.layers)) }
        try await destination.tag(result.root, bytes: result.bytes)
        report(.finished(result.root))
        return ConversionResult(descriptor: result.root, images: result.images)
    }

    /// Where the TOCs go when they are not in the layers.
    private func companion(of destination: any ImageDestination) throws -> (any ImageDestination)? {
        guard case .externalTOC = options.writer.format else { return nil }
        return try destination.companion(tagSuffix: TOCImage.tagSuffix)
    }

    /// Different layers of all images, in order of first appearance; refuses what cannot be converted before anything is read.
    private static func layers(of plan: ImagePlan) throws(ConversionError) -> [PlannedLayer] {
        var seen: Set<Digest> = []
        var layers: [PlannedLayer] = []
        for image in plan.images {
            for (index, descriptor) in image.manifest.layers.enumerated() {
                let layer = PlannedLayer(
                    name: image.name(ofLayer: index), descriptor: descriptor, diffID: image.diffIDs[index], index: index,
                    manifest: image.descriptor.digest)
                try layer.checkSupported()
                if seen.insert(descriptor.digest).inserted { layers.append(layer) }
            }
        }
        return layers
    }

    /// Layers under way at once: the network and the upload of one overlap the compression of another; more would only take memory.
    private static let layersAtOnce = 3

    private func convert(_ layers: [PlannedLayer], with converter: LayerConverter) async throws -> [Digest: ConvertedLayer] {
        try await withThrowingTaskGroup(of: ConvertedLayer.self) { group in
            var waiting = layers[...]
            var converted: [Digest: ConvertedLayer] = [:]
            func startNext() async throws {
                guard let layer = waiting.popFirst() else { return }
                let opening = try await converter.open(layer)
                group.addTask { try await converter.convert(layer, through: opening) }
            }
            for _ in 0..<ImageConverter.layersAtOnce { try await startNext() }
            while let layer = try await group.next() {
                converted[layer.source.digest] = layer
                try await startNext()
            }
            return converted
        }
    }

    /// Sees early whether temporary files can be made.
    private static func check(_ directory: String) throws(ConversionError) {
        do {
            _ = try TemporaryFile(in: directory)
        } catch {
            throw .temporaryFile(error)
        }
    }
}
