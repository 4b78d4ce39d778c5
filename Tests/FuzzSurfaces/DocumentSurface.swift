import FoundationEssentials
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

    // What our parser takes must mean the same to Foundation's, which takes more: commas behind the last member, keys that are there twice,
    // UTF-16 and UTF-32.
    private static func compare(_ bytes: [UInt8]) throws {
        func parse(_ bytes: [UInt8]) throws -> JSONValue { try Documents.decode(JSONValue.self, from: bytes, what: "fuzz") }
        guard let ours = try accepted({ try parse(bytes) }) else { return }
        let theirs = try accepted { try JSONDecoder().decode(FoundationValue.self, from: Data(bytes)).value }
        try promise(theirs.map { agree(ours, $0) } == true, "two parsers read the same: \(ours), \(String(describing: theirs))")
        let written = Documents.encode(ours)
        guard written.count <= Documents.maximumSize else { return }
        try promise(try accepted { try parse(written) } == ours, "a document written again is the same")
    }

    /// Whether two documents mean the same. Beyond the precision of Double, Foundation cuts fractions off where ours rounds.
    private static func agree(_ one: JSONValue, _ other: JSONValue) -> Bool {
        if let one = number(one), let other = number(other) { return abs(one - other) <= abs(one) * 1e-15 }
        switch (one, other) {
        case (.array(let one), .array(let other)): return one.count == other.count && zip(one, other).allSatisfy(agree)
        case (.object(let one), .object(let other)):
            return one.count == other.count && one.allSatisfy { key, value in other[key].map { agree(value, $0) } ?? false }
        default: return one == other
        }
    }

    private static func number(_ value: JSONValue) -> Double? {
        switch value {
        case .integer(let integer): Double(integer)
        case .number(let number): number
        default: nil
        }
    }

    private static func check<Document: Codable & Equatable>(_ type: Document.Type, _ bytes: [UInt8]) throws -> Document? {
        guard let document = try accepted({ try Documents.decode(type, from: bytes, what: "fuzz") }) else { return nil }
        // A document that cannot be written again would lose an image on conversion; what was not a number may be refused.
        guard let written = try accepted({ try Documents.encode(document) }) else { return document }
        let again = try accepted { try Documents.decode(type, from: written, what: "fuzz") }
        try promise(again == document || written.count > Documents.maximumSize, "a document written again is the same")
        let theirs = try accepted { try JSONDecoder().decode(type, from: Data(written)) }
        try promise(theirs == document, "two decoders make the same document")
        return document
    }
}

/// Any JSON as Foundation reads it, which has to be asked for one type after another.
private struct FoundationValue: Decodable {
    let value: JSONValue

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            value = .null
        } else if let truth = try? container.decode(Bool.self) {
            value = .bool(truth)
        } else if let integer = try? container.decode(Int64.self) {
            value = .integer(integer)
        } else if let number = try? container.decode(Double.self) {
            value = .number(number)
        } else if let text = try? container.decode(String.self) {
            value = .string(text)
        } else if let elements = try? container.decode([FoundationValue].self) {
            value = .array(elements.map(\.value))
        } else {
            value = .object(try container.decode([String: FoundationValue].self).mapValues(\.value))
        }
    }
}

/// Tars of OCI layouts.
enum ArchiveSurface {
    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        let file = try MemoryFile(bytes)
        _ = try accepted { try OCIArchiveSource(file: file.path, tag: nil) }
    }
}
