extension ContainerMount {
    /// Parses docker's `--mount type=bind|volume|tmpfs,source=…,target=…,…`; a missing source is an error.
    public init(fields text: String) throws(InvalidOption) {
        var fields: [String: String] = [:]
        for field in text.split(separator: ",").map(String.init) {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let key = ContainerMount.keys[parts[0].lowercased()] ?? parts[0].lowercased()
            guard fields.updateValue(parts.count > 1 ? parts[1] : "true", forKey: key) == nil else {
                throw InvalidOption(text: text, reason: "\(key) is given twice")
            }
        }
        let type = fields.removeValue(forKey: "type") ?? "volume"
        guard let target = fields.removeValue(forKey: "target") else { throw InvalidOption(text: text, reason: "target=… is missing") }
        try self.init(try ContainerMount.source(type, &fields, of: text), at: target, of: text)
        try take(&fields, of: text)
        if let unknown = fields.keys.sorted().first { throw InvalidOption(text: text, reason: "\(unknown) means nothing to type=\(type)") }
    }

    /// Keys by their other names.
    private static let keys = [
        "src": "source", "dst": "target", "destination": "target", "ro": "readonly", "bind-nonrecursive": "nonrecursive",
    ]

    private static func source(_ type: String, _ fields: inout [String: String], of text: String) throws(InvalidOption) -> Source {
        let source = fields.removeValue(forKey: "source")
        switch type {
        case "bind":
            guard let source, !source.isEmpty else { throw InvalidOption(text: text, reason: "source=… is missing") }
            return .path(source)
        case "volume":
            guard let source, !source.isEmpty else { return .ownVolume }
            return .volume(try volumeName(source, of: text))
        case "tmpfs":
            guard source == nil else { throw InvalidOption(text: text, reason: "a tmpfs has no source") }
            var options = ["noexec", "nosuid", "nodev"]
            if let size = fields.removeValue(forKey: "tmpfs-size") { options.append("size=" + size) }
            options.append("mode=" + (fields.removeValue(forKey: "tmpfs-mode") ?? "1777"))
            return .memory(options: options)
        default: throw InvalidOption(text: text, reason: "unknown type \"\(type)\"; there are bind, volume and tmpfs")
        }
    }

    private mutating func take(_ fields: inout [String: String], of text: String) throws(InvalidOption) {
        isReadOnly = try ContainerMount.isSet("readonly", &fields, of: text)
        if case .path = source {
            isRecursive = try !ContainerMount.isSet("nonrecursive", &fields, of: text)
            if let word = fields.removeValue(forKey: "bind-propagation"), try !setPropagation(word, of: text) {
                throw InvalidOption(text: text, reason: "unknown bind-propagation \"\(word)\"; there are rprivate and rslave")
            }
            fields["consistency"] = nil
        } else if source != .memory(options: []) {
            copiesImage = try !ContainerMount.isSet("volume-nocopy", &fields, of: text)
        }
    }

    private static func isSet(_ key: String, _ fields: inout [String: String], of text: String) throws(InvalidOption) -> Bool {
        switch fields.removeValue(forKey: key)?.lowercased() {
        case nil, "false", "0": return false
        case "true", "1": return true
        case let value?: throw InvalidOption(text: text, reason: "\(key)=\(value): expected true or false")
        }
    }
}
