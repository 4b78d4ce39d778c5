internal import FoundationEssentials

/// Reading and writing OCI's JSON documents. Output has sorted keys and no white space: same value, same bytes, same digest.
public enum Documents {
    /// Largest manifest, index or configuration that is accepted: 4 MiB, the limit that registries themselves apply.
    public static let maximumSize = 4 << 20

    /// Decodes a document; `what` names it in the error.
    public static func decode<Document: Decodable>(
        _ type: Document.Type, from bytes: [UInt8], what: String
    ) throws(DocumentError) -> Document {
        guard bytes.count <= maximumSize else { throw .tooLarge(what: what, size: bytes.count) }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch let error as DecodingError {
            throw .malformed(what: what, reason: DocumentError.reason(error))
        } catch {
            throw .malformed(what: what, reason: "not JSON")
        }
    }

    /// Decodes any document, without a schema; `what` names it in the error.
    public static func decode(_ type: JSONValue.Type, from bytes: [UInt8], what: String) throws(DocumentError) -> JSONValue {
        guard bytes.count <= maximumSize else { throw .tooLarge(what: what, size: bytes.count) }
        let result = bytes.withUnsafeBytes { bytes in Result { () throws(JSONParser.Failure) in try JSONParser.parse(bytes) } }
        do {
            return try result.get()
        } catch {
            throw .malformed(what: what, reason: "not JSON: \(error.reason) at byte \(error.offset)")
        }
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
    /// Not JSON, or a field is missing or of the wrong type.
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
        case .typeMismatch(_, let context), .valueNotFound(_, let context): return "a value of the wrong type" + place(context)
        case .dataCorrupted(let context): return (context.codingPath.isEmpty ? "not JSON" : context.debugDescription) + place(context)
        @unknown default: return "not the expected document"
        }
    }
}
