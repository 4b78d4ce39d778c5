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
        try compare(document)
    }

    // Documents without a schema are read by a parser of ours, those with one by Foundation's: what ours takes must mean the same to both.
    // Foundation takes more: commas behind the last member, keys that are there twice, UTF-16 and UTF-32.
    private static func compare(_ bytes: [UInt8]) throws {
        func parse(_ bytes: [UInt8]) throws -> JSONValue { try Documents.decode(JSONValue.self, from: bytes, what: "fuzz") }
        guard let ours = try accepted({ try parse(bytes) }) else { return }
        let theirs = try accepted { try foundation(JSONValue.self, bytes) }
        try promise(theirs.map(normalized) == normalized(ours), "two parsers read the same: \(ours), \(String(describing: theirs))")
        let written = try accepted { try Documents.encode(ours) }
        guard let written, written.count <= Documents.maximumSize else { return }
        try promise(try accepted { try parse(written) } == ours, "a document written again is the same")
    }

    /// The generic decoder, which the overload for `JSONValue` hides.
    private static func foundation<Document: Decodable>(_ type: Document.Type, _ bytes: [UInt8]) throws -> Document {
        try Documents.decode(type, from: bytes, what: "fuzz")
    }

    /// Of numbers beyond the precision of Double, the parsers keep different digits when there is a point or an exponent.
    private static func normalized(_ value: JSONValue) -> JSONValue {
        switch value {
        case .integer(let integer): .number(Double(integer))
        case .array(let elements): .array(elements.map(normalized))
        case .object(let members): .object(members.mapValues(normalized))
        default: value
        }
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
