/// Makes a typed document of a `JSONValue`.
///
/// Members are found as Go's encoding/json finds them, with which everybody else reads images: by their key, or by one that differs from it in
/// case only. Two such keys in one object are refused: Go takes the last of them, others the one that is spelled right. Members that the
/// type does not have are passed over.
struct DocumentDecoder: Decoder {
    /// What is decoded.
    let value: JSONValue
    /// Where in the document it is.
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]

    /// Decodes a whole document.
    static func decode<Document: Decodable>(_ type: Document.Type, from value: JSONValue) throws -> Document {
        try Document(from: DocumentDecoder(value: value, codingPath: []))
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .object(let members) = value else { throw wrongType(type, "an object") }
        return KeyedDecodingContainer(DocumentMembers<Key>(members, codingPath))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .array(let elements) = value else { throw wrongType([JSONValue].self, "a list") }
        return DocumentElements(elements: elements, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    private func wrongType(_ type: Any.Type, _ wanted: String) -> DecodingError {
        .typeMismatch(type, DecodingError.Context(codingPath: codingPath, debugDescription: "expected \(wanted)"))
    }
}

extension DocumentDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool { value == .null }

    func decode(_ type: Bool.Type) throws -> Bool {
        guard case .bool(let truth) = value else { throw wrongType(type, "true or false") }
        return truth
    }

    func decode(_ type: String.Type) throws -> String {
        guard case .string(let text) = value else { throw wrongType(type, "a text") }
        return text
    }

    func decode(_ type: Double.Type) throws -> Double {
        switch value {
        case .integer(let integer): return Double(integer)
        case .number(let number): return number
        default: throw wrongType(type, "a number")
        }
    }

    func decode(_ type: Float.Type) throws -> Float { Float(try decode(Double.self)) }
    func decode(_ type: Int.Type) throws -> Int { try integer() }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer() }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer() }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer() }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer() }
    func decode(_ type: UInt.Type) throws -> UInt { try integer() }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer() }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer() }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer() }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer() }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try Value(from: self) }

    private func integer<Number: FixedWidthInteger>() throws -> Number {
        guard case .integer(let integer) = value, let number = Number(exactly: integer) else {
            throw wrongType(Number.self, "a whole number in range")
        }
        return number
    }
}

/// The members of an object.
private struct DocumentMembers<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let codingPath: [any CodingKey]
    private let members: [String: JSONValue]
    /// The document's keys by what Go compares of them; nil where keys are data (labels, annotations): each is what it is.
    private let spellings: [String: [String]]?

    init(_ members: [String: JSONValue], _ codingPath: [any CodingKey]) {
        self.members = members
        self.codingPath = codingPath
        // A dictionary's key type takes any text, an enumeration of members only its own.
        let takesAnyKey = Key(stringValue: "\u{0}") != nil
        spellings = takesAnyKey ? nil : Dictionary(grouping: members.keys, by: \.caseFolded)
    }

    var allKeys: [Key] { members.keys.compactMap { Key(stringValue: $0) } }

    func contains(_ key: Key) -> Bool {
        spellings.map { $0[key.stringValue.caseFolded] != nil } ?? (members[key.stringValue] != nil)
    }

    func decodeNil(forKey key: Key) throws -> Bool { try decoder(key).decodeNil() }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value { try Value(from: decoder(key)) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws -> KeyedDecodingContainer<Nested> {
        try decoder(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { try decoder(key).unkeyedContainer() }

    func superDecoder() -> any Decoder { DocumentDecoder(value: .object(members), codingPath: codingPath) }

    func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(key) }

    private func decoder(_ key: Key) throws -> DocumentDecoder {
        let context = DecodingError.Context(codingPath: codingPath, debugDescription: "")
        guard let value = try member(key) else { throw DecodingError.keyNotFound(key, context) }
        return DocumentDecoder(value: value, codingPath: codingPath + [key])
    }

    private func member(_ key: Key) throws -> JSONValue? {
        guard let spellings else { return members[key.stringValue] }
        let found = spellings[key.stringValue.caseFolded] ?? []
        guard found.count <= 1 else {
            let names = found.sorted().map { "\"\($0)\"" }.joined(separator: " and ")
            let reason = "the keys \(names), which readers that ignore case take for one"
            throw DecodingError.dataCorrupted(DecodingError.Context(codingPath: codingPath, debugDescription: reason))
        }
        return found.first.flatMap { members[$0] }
    }
}

/// The elements of a list.
private struct DocumentElements: UnkeyedDecodingContainer {
    let elements: [JSONValue]
    let codingPath: [any CodingKey]
    private(set) var currentIndex = 0

    init(elements: [JSONValue], codingPath: [any CodingKey]) {
        self.elements = elements
        self.codingPath = codingPath
    }

    /// An element's place.
    private struct Place: CodingKey {
        let intValue: Int?
        var stringValue: String { intValue.map(String.init) ?? "" }

        init(intValue: Int) { self.intValue = intValue }
        init?(stringValue: String) { nil }
    }

    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex == elements.count }

    mutating func decodeNil() throws -> Bool {
        guard !isAtEnd, elements[currentIndex] == .null else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try Value(from: next()) }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) throws -> KeyedDecodingContainer<Nested> {
        try next().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }

    mutating func superDecoder() throws -> any Decoder { try next() }

    private mutating func next() throws -> DocumentDecoder {
        let path = codingPath + [Place(intValue: currentIndex)]
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(JSONValue.self, DecodingError.Context(codingPath: path, debugDescription: "the list ends"))
        }
        defer { currentIndex += 1 }
        return DocumentDecoder(value: elements[currentIndex], codingPath: path)
    }
}

extension String {
    /// A member's name as Go's encoding/json compares it: A to Z are a to z, and so are the two letters elsewhere in Unicode whose other case
    /// is one of these. (It folds other scripts as well; no member of a document is named in one.)
    var caseFolded: String {
        let isFolded = utf8.allSatisfy { $0 < 0x80 && !(0x41...0x5a).contains($0) }
        if isFolded { return self }
        var folded = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            switch scalar {
            case "A"..."Z": folded.append(UnicodeScalar(UInt8(truncatingIfNeeded: scalar.value) | 0x20))
            case "\u{17f}": folded.append("s")
            case "\u{212a}": folded.append("k")
            default: folded.append(scalar)
            }
        }
        return String(folded)
    }
}
