internal import FoundationEssentials

/// Reading and writing OCI's JSON documents. Output has sorted keys and no white space: same value, same bytes, same digest.
///
/// What is read is what every reader sees, or it is refused, for a digest stands for one image. JSON is RFC 8259's to the letter: no comma
/// behind the last member, no byte order mark, no other encoding than UTF-8. A key that is twice in an object is refused (Go takes the last
/// and mixes the values of both, Foundation the first), and so are two that differ in case only, where keys are members of a known type, and
/// a manifest that is an index as well. White space, the order of members, and members that are not known mean nothing.
public enum Documents {
    /// Largest manifest, index or configuration that is accepted: 4 MiB, the limit that registries themselves apply.
    public static let maximumSize = 4 << 20

    /// Decodes a document, any at all as a `JSONValue`; `what` names it in the error.
    public static func decode<Document: Decodable>(
        _ type: Document.Type, from bytes: [UInt8], what: String
    ) throws(DocumentError) -> Document {
        guard bytes.count <= maximumSize else { throw .tooLarge(what: what, size: bytes.count) }
        let value: JSONValue
        do {
            value = try bytes.withUnsafeBytes { bytes in Result { () throws(JSONParser.Failure) in try JSONParser.parse(bytes) } }.get()
        } catch {
            throw .malformed(what: what, reason: "\(error.reason) at byte \(error.offset)")
        }
        if let kind = type as? any ImageDocument.Type, let foreign = kind.foreignPart(of: value) {
            throw .malformed(what: what, reason: "it has \(foreign), which only another kind of document has")
        }
        do {
            return try DocumentDecoder.decode(type, from: value)
        } catch let error as DecodingError {
            throw .malformed(what: what, reason: DocumentError.reason(error))
        } catch {
            throw .malformed(what: what, reason: "\(error)")
        }
    }

    /// Encodes any JSON. Its numbers must be finite, as those of documents are.
    public static func encode(_ value: JSONValue) -> [UInt8] {
        var writer = JSONWriter()
        writer.write(value)
        return writer.output
    }

    /// Encodes a document.
    public static func encode(_ document: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return [UInt8](try encoder.encode(document))
    }
}

/// Why bytes are not the document they should be.
public enum DocumentError: Error, Equatable, CustomStringConvertible {
    /// More than `Documents.maximumSize` bytes.
    case tooLarge(what: String, size: Int)
    /// Not JSON, or a field is missing or of the wrong type, or readers would not agree on what it says.
    case malformed(what: String, reason: String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .tooLarge(let what, let size): "\(what): \(size) bytes, more than the \(Documents.maximumSize) that are accepted"
        case .malformed(let what, let reason): "\(what): \(reason)"
        }
    }

    static func reason(_ error: DecodingError) -> String {
        func place(_ context: DecodingError.Context) -> String {
            context.codingPath.isEmpty ? "" : " at " + context.codingPath.map(\.stringValue).joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context): return "\"\(key.stringValue)\" is missing" + place(context)
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            return context.debugDescription + place(context)
        @unknown default: return "not the expected document"
        }
    }
}
