internal import Digests
internal import EStargz
internal import HostSystem
internal import OCI
internal import Tar
internal import Threads

/// One different layer of the images: where it is first met, and what its content should be.
struct PlannedLayer: Sendable {
    var name: LayerName
    var descriptor: Descriptor
    var diffID: Digest
    /// Place in that image, lowest layer 0.
    var index: Int
    /// Digest of that image's manifest at the source.
    var manifest: Digest

    /// Whether the layer seems to be in a format already: it names its TOC, and is compressed as the format is. Where a TOC is in another
    /// image, only the blob's end could tell, so such layers are written again.
    func isWritten(as format: LayerFormat) -> Bool {
        let compression = MediaType.layerCompression(descriptor.mediaType)
        let annotations = descriptor.annotations ?? [:]
        switch format {
        case .estargz: return compression == .gzip && isDigest(annotations[Annotation.tocDigest])
        case .zstdChunked: return compression == .zstd && isDigest(annotations[Annotation.zstdChunkedChecksum])
        case .externalTOC: return false
        }
    }

    private func isDigest(_ text: String?) -> Bool {
        // A malformed digest is no proof of the format: convert.
        text.map { (try? Digest(parsing: $0)) != nil } ?? false
    }

    /// - Throws: `unsupportedLayer`.
    func checkSupported() throws(ConversionError) {
        let type = descriptor.mediaType
        // Foreign layers may not be distributed, and a converted one would be.
        guard MediaType.layerCompression(type) != nil, !type.contains("nondistributable"), !type.contains("foreign") else {
            throw .unsupportedLayer(name, mediaType: type)
        }
    }
}

/// Converts layers and stores them. Shared by the layers that are under way at the same time.
struct LayerConverter: Sendable {
    let source: any ImageSource
    let delivery: BlobDelivery
    let options: ConversionOptions
    let pool: MemberPool
    let report: @Sendable (ConversionEvent) -> Void

    /// Opens the way to the destination for a layer. Layers have the order of these calls there, where blobs have one.
    func open(_ layer: PlannedLayer) async throws -> BlobDelivery.Opening {
        let limit = options.isReusable(layer) ? BlobCopy.limit : max(0, layer.descriptor.size)
        return try await delivery.open(limit: limit) { report(.waitsWhole(layer.name, reason: $0)) }
    }

    /// Brings a layer to the destination in the new format.
    ///
    /// - Throws: `ConversionError.layer` with the reason; `CancellationError`.
    func convert(_ layer: PlannedLayer, through opening: BlobDelivery.Opening) async throws -> ConvertedLayer {
        do {
            return options.isReusable(layer) ? try await reuse(layer, opening) : try await rewrite(layer, opening)
        } catch let error as ConversionError {
            throw error
        } catch  where Task.isCancelled {
            // Whatever a cancelled stream or upload threw.
            throw CancellationError()
        } catch let error as HostError {
            throw ConversionError.temporaryFile(error)
        } catch {
            throw ConversionError.layer(layer.name, error)
        }
    }

    private func reuse(_ layer: PlannedLayer, _ opening: BlobDelivery.Opening) async throws -> ConvertedLayer {
        report(.reused(layer.name))
        let wasThere = try await BlobCopy(source: source, delivery: delivery).copy(layer.descriptor, through: opening) { [report] bytes in
            report(.progress(layer.name, bytes: bytes))
        }
        // Also of a layer that nobody had to read.
        report(.progress(layer.name, bytes: layer.descriptor.size))
        report(.stored(layer.name, wasThere: wasThere))
        var result = layer.descriptor
        result.mediaType = options.writer.format.compression == .zstd ? MediaType.layerZstd : MediaType.layerGzip
        return ConvertedLayer(
            source: layer.descriptor, result: result, sourceDiffID: layer.diffID, diffID: layer.diffID, isReused: true,
            uncompressedSize: layer.descriptor.annotations?[Annotation.uncompressedSize].flatMap { Int64($0) }, tocEntryCount: nil,
            ignoredBytes: 0, externalTOC: nil, temporaryBytes: opening.budget.peakAllocated)
    }

    private func rewrite(_ layer: PlannedLayer, _ opening: BlobDelivery.Opening) async throws -> ConvertedLayer {
        try await delivery.deliver(through: opening, onUnbounded: { report(.waitsWhole(layer.name, reason: $0)) }) { opening in
            try await rewrite(layer, to: opening.ingest, opening.budget)
        }
    }

    private func rewrite(_ layer: PlannedLayer, to ingest: any BlobIngest, _ budget: DiskBudget) async throws -> ConvertedLayer {
        report(.started(layer.name, bytes: layer.descriptor.size))
        let stream = try await source.blob(layer.descriptor)
        defer { stream.cancel() }
        let cancellation = CancellationFlag()
        let cancel: @Sendable () -> Void = {
            cancellation.set()
            stream.cancel()
            ingest.cancel()
        }
        let rewriting = LayerRewriting(
            layer: layer, options: options, pool: pool, directory: delivery.directory, budget: budget, cancellation: cancellation,
            report: report)
        let outcome = try await BlockingTask.run(cancel: cancel) { try rewriting.run(stream, to: IngestOutput(ingest)) }
        let written = outcome.written
        let result = describe(written, of: layer.descriptor)
        report(.converted(layer.name, result))
        let wasThere = try await ingest.commit(result)
        report(.stored(layer.name, wasThere: wasThere))
        return ConvertedLayer(
            source: layer.descriptor, result: result, sourceDiffID: layer.diffID, diffID: written.diffID, isReused: false,
            uncompressedSize: written.uncompressedSize, tocEntryCount: written.tocEntryCount, ignoredBytes: outcome.ignoredBytes,
            externalTOC: written.externalTOC, temporaryBytes: budget.peakAllocated)
    }

    private func describe(_ written: EStargzLayer, of source: Descriptor) -> Descriptor {
        var annotations = source.annotations ?? [:]
        // What they said of the old blob is not true of the new one.
        for key in [
            Annotation.zstdChunkedChecksum, Annotation.zstdChunkedPosition, Annotation.externalTOCLayerDigest, Annotation.openingHint,
        ] {
            annotations[key] = nil
        }
        annotations[Annotation.tocDigest] = written.tocDigest.description
        annotations[Annotation.uncompressedSize] = String(written.uncompressedSize)
        if written.externalTOC == nil {
            annotations[Annotation.openingHint] = "\(written.tocOffset):\(written.prefetchEnd):\(written.size)"
        }
        if let manifest = written.zstdManifest {
            annotations[Annotation.zstdChunkedPosition] = manifest.position
            annotations[Annotation.zstdChunkedChecksum] = manifest.checksum.description
        }
        return Descriptor(
            mediaType: options.writer.format.compression == .zstd ? MediaType.layerZstd : MediaType.layerGzip, digest: written.digest,
            size: written.size, annotations: annotations, platform: source.platform)
    }
}
