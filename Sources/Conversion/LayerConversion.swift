internal import Digests
internal import EStargz
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
    let destination: any ImageDestination
    let options: ConversionOptions
    let pool: MemberPool
    /// Directory for temporary files.
    let directory: String
    let report: @Sendable (ConversionEvent) -> Void

    /// Brings a layer to the destination in the new format.
    ///
    /// - Throws: `ConversionError.layer` with the reason; `CancellationError`.
    func convert(_ layer: PlannedLayer) async throws -> ConvertedLayer {
        do {
            return options.isReusable(layer) ? try await reuse(layer) : try await rewrite(layer)
        } catch let error as ConversionError {
            throw error
        } catch  where Task.isCancelled {
            // Whatever a cancelled stream or upload threw.
            throw CancellationError()
        } catch {
            throw ConversionError.layer(layer.name, error)
        }
    }

    private func reuse(_ layer: PlannedLayer) async throws -> ConvertedLayer {
        report(.reused(layer.name))
        let wasThere = try await BlobCopy(source: source, destination: destination).copy(layer.descriptor)
        report(.stored(layer.name, wasThere: wasThere))
        var result = layer.descriptor
        result.mediaType = options.writer.format.compression == .zstd ? MediaType.layerZstd : MediaType.layerGzip
        return ConvertedLayer(
            source: layer.descriptor, result: result, sourceDiffID: layer.diffID, diffID: layer.diffID, isReused: true,
            uncompressedSize: layer.descriptor.annotations?[Annotation.uncompressedSize].flatMap { Int64($0) }, tocEntryCount: nil,
            ignoredBytes: 0, externalTOC: nil)
    }

    private func rewrite(_ layer: PlannedLayer) async throws -> ConvertedLayer {
        report(.started(layer.name, bytes: layer.descriptor.size))
        let stream = try await source.blob(layer.descriptor)
        defer { stream.cancel() }
        let blob = try TemporaryBlob(in: directory, isPublished: directory == destination.stagingDirectory)
        let cancellation = CancellationFlag()
        let cancel: @Sendable () -> Void = {
            cancellation.set()
            stream.cancel()
        }
        let rewriting = LayerRewriting(
            layer: layer, options: options, pool: pool, directory: directory, cancellation: cancellation, report: report)
        let outcome = try await BlockingTask.run(cancel: cancel) { try rewriting.run(stream, to: blob) }
        let written = outcome.written
        let converted = ConvertedLayer(
            source: layer.descriptor, result: describe(written, of: layer.descriptor), sourceDiffID: layer.diffID,
            diffID: written.diffID, isReused: false, uncompressedSize: written.uncompressedSize, tocEntryCount: written.tocEntryCount,
            ignoredBytes: outcome.ignoredBytes, externalTOC: written.externalTOC)
        report(.converted(layer.name, converted.result))
        let wasThere = try await destination.hasBlob(converted.result)
        if !wasThere { try await destination.putBlob(converted.result, file: blob.file) }
        report(.stored(layer.name, wasThere: wasThere))
        return converted
    }

    private func describe(_ written: EStargzLayer, of source: Descriptor) -> Descriptor {
        var annotations = source.annotations ?? [:]
        // What they said of the old blob is not true of the new one.
        for key in [Annotation.zstdChunkedChecksum, Annotation.zstdChunkedPosition, Annotation.externalTOCLayerDigest] {
            annotations[key] = nil
        }
        annotations[Annotation.tocDigest] = written.tocDigest.description
        annotations[Annotation.uncompressedSize] = String(written.uncompressedSize)
        if let manifest = written.zstdManifest {
            annotations[Annotation.zstdChunkedPosition] = manifest.position
            annotations[Annotation.zstdChunkedChecksum] = manifest.checksum.description
        }
        return Descriptor(
            mediaType: options.writer.format.compression == .zstd ? MediaType.layerZstd : MediaType.layerGzip, digest: written.digest,
            size: written.size, annotations: annotations, platform: source.platform)
    }
}

/// Copies blobs as they are.
struct BlobCopy: Sendable {
    let source: any ImageSource
    let destination: any ImageDestination

    /// Copies a blob unless it is there; says whether it was.
    func copy(_ descriptor: Descriptor) async throws -> Bool {
        if try await destination.hasBlob(descriptor) { return true }
        let stream = try await source.blob(descriptor)
        defer { stream.cancel() }
        try await destination.putBlob(descriptor, from: stream)
        return false
    }

    /// Copies a manifest or index with everything that it refers to.
    ///
    /// - Parameter depth: how many more indexes may be nested.
    func copyDocument(_ descriptor: Descriptor, depth: Int = 4) async throws {
        guard depth > 0 else { throw ConversionError.tooDeep(source: source.name) }
        let bytes = try await source.document(descriptor)
        if MediaType.isIndex(descriptor.mediaType) {
            let index = try Documents.decode(Index.self, from: bytes, what: "index \(descriptor.digest)")
            for child in index.manifests { try await copyDocument(child, depth: depth - 1) }
        } else {
            let manifest = try Documents.decode(Manifest.self, from: bytes, what: "manifest \(descriptor.digest)")
            for blob in [manifest.config] + manifest.layers { _ = try await copy(blob) }
        }
        try await destination.putDocument(descriptor, bytes: bytes)
    }
}
