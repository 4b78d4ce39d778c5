import OCI

/// Manifests, indexes, configurations, and any JSON that is rewritten.
enum DocumentSurface {
    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        let document = Array(bytes)
        if let index = try check(Index.self, document) {
            for platform in [Platform.current, Platform(os: "linux", architecture: "arm64", variant: "v7")] {
                _ = index.manifest(for: platform)
            }
        }
        if let manifest = try check(Manifest.self, document) {
            for layer in manifest.layers { _ = MediaType.layerCompression(layer.mediaType) }
        }
        _ = try check(ImageConfig.self, document)
        _ = try check(JSONValue.self, document)
    }

    private static func check<Document: Codable & Equatable>(_ type: Document.Type, _ bytes: [UInt8]) throws -> Document? {
        guard let document = try accepted({ try Documents.decode(type, from: bytes, what: "fuzz") }) else { return nil }
        // A document that cannot be written again would lose an image on conversion; what was not a number may be refused.
        guard let written = try accepted({ try Documents.encode(document) }) else { return document }
        let again = try accepted { try Documents.decode(type, from: written, what: "fuzz") }
        try promise(again == document || written.count > Documents.maximumSize, "a document written again is the same")
        return document
    }
}

/// Tars of OCI layouts.
enum ArchiveSurface {
    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        let file = try MemoryFile(bytes)
        _ = try accepted { try OCIArchiveSource(file: file.path, tag: nil) }
    }
}
