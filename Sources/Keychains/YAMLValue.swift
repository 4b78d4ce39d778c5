/// A YAML document in which every scalar is a text: what a kubeconfig needs. JSON is YAML.
indirect enum YAMLValue: Equatable {
    case scalar(String)
    case sequence([YAMLValue])
    case mapping([String: YAMLValue])

    /// Deepest nesting that is followed: a kubeconfig has four levels, a plug-in's configuration a few more.
    private static let maximumDepth = 32

    /// Parses the first document.
    ///
    /// - Throws: `YAMLParser.Failure`; references to other places of the text (`*name`) are refused, as they can make a small text huge.
    init(parsing text: [UInt8]) throws(YAMLParser.Failure) {
        var parser = YAMLParser(text)
        while true {
            let event = try parser.next()
            if case .frame = event { continue }
            self = try Self.value(event, &parser, depth: 0)
            return
        }
    }

    private static func value(_ event: YAMLParser.Event, _ parser: inout YAMLParser, depth: Int) throws(YAMLParser.Failure) -> YAMLValue {
        guard depth < maximumDepth else { throw YAMLParser.Failure(line: parser.line, reason: "nested too deep") }
        switch event {
        case .scalar(let text): return .scalar(text)
        case .beginSequence:
            var elements: [YAMLValue] = []
            while true {
                let next = try parser.next()
                if case .endSequence = next { return .sequence(elements) }
                elements.append(try value(next, &parser, depth: depth + 1))
            }
        case .beginMapping:
            var members: [String: YAMLValue] = [:]
            while true {
                let next = try parser.next()
                if case .endMapping = next { return .mapping(members) }
                guard case .scalar(let key) = next else { throw YAMLParser.Failure(line: parser.line, reason: "a key that is no text") }
                members[key] = try value(parser.next(), &parser, depth: depth + 1)
            }
        case .end: return .mapping([:])
        case .alias: throw YAMLParser.Failure(line: parser.line, reason: "references (*name) are not supported")
        case .endSequence, .endMapping, .frame: throw YAMLParser.Failure(line: parser.line, reason: "out of place")
        }
    }

    /// Member of a mapping; nil when absent or when this is none.
    subscript(key: String) -> YAMLValue? {
        guard case .mapping(let members) = self else { return nil }
        return members[key]
    }

    /// The text, when this is one and not empty.
    var text: String? {
        guard case .scalar(let text) = self, !text.isEmpty else { return nil }
        return text
    }

    /// The elements, when this is a sequence.
    var elements: [YAMLValue] {
        guard case .sequence(let elements) = self else { return [] }
        return elements
    }
}
