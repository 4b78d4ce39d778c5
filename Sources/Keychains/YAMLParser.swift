internal import CYaml

/// libyaml's events, one after the other. The only file that owns libyaml's objects.
struct YAMLParser: ~Copyable {
    // On the heap: libyaml keeps a pointer to it.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let bytes: UnsafeMutableBufferPointer<UInt8>

    /// What a document consists of.
    enum Event {
        case scalar(String)
        case beginSequence, endSequence
        case beginMapping, endMapping
        /// A reference to what stands elsewhere.
        case alias
        /// Begin and end of the stream and of documents.
        case frame
        case end
    }

    /// A place in the text, from 1 on, and what is wrong there.
    struct Failure: Error, Equatable {
        let line: Int
        let reason: String
    }

    init(_ text: [UInt8]) {
        parser = .allocate(capacity: 1)
        bytes = .allocate(capacity: text.count)
        _ = bytes.initialize(from: text)
        // Fails only without memory, and then so does every parse.
        yaml_parser_initialize(parser)
        yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        bytes.deallocate()
    }

    /// Line of the last event, from 1 on.
    private(set) var line = 1

    /// The next event.
    mutating func next() throws(Failure) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else {
            let problem = parser.pointee.problem.map { String(cString: $0) } ?? "not YAML"
            throw Failure(line: parser.pointee.problem_mark.line + 1, reason: problem)
        }
        defer { yaml_event_delete(&event) }
        line = event.start_mark.line + 1
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            return .scalar(String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self))
        case YAML_SEQUENCE_START_EVENT: return .beginSequence
        case YAML_SEQUENCE_END_EVENT: return .endSequence
        case YAML_MAPPING_START_EVENT: return .beginMapping
        case YAML_MAPPING_END_EVENT: return .endMapping
        case YAML_ALIAS_EVENT: return .alias
        case YAML_STREAM_END_EVENT: return .end
        default: return .frame
        }
    }
}
