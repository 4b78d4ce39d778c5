extension ContainerMount {
    /// Parses docker's `-v [SOURCE:]DESTINATION[:OPTION,…]`; a missing source is made.
    public init(volume text: String) throws(InvalidOption) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 3, parts.allSatisfy({ !$0.isEmpty }) else {
            throw InvalidOption(text: text, reason: "expected [SOURCE:]DESTINATION[:OPTIONS]")
        }
        if parts.count == 1 {
            try self.init(.ownVolume, at: text, of: text)
            return
        }
        try self.init(try ContainerMount.source(parts[0], of: text), at: parts[1], of: text)
        makesSource = true
        guard parts.count == 3 else { return }
        for option in parts[2].split(separator: ",").map(String.init) { try take(option, of: text) }
    }

    private mutating func take(_ option: String, of text: String) throws(InvalidOption) {
        switch option {
        case "ro", "readonly": isReadOnly = true
        case "rw": isReadOnly = false
        case "nocopy": copiesImage = false
        case "bind": isRecursive = false
        case "rbind": isRecursive = true
        // Labels of SELinux, which Debian's kernels do not use; how other systems' hosts cache.
        case "z", "Z", "consistent", "cached", "delegated": break
        default:
            guard try setPropagation(option, of: text) else {
                throw InvalidOption(
                    text: text, reason: "unknown option \"\(option)\"; there are ro, rw, z, Z, nocopy, bind, rbind, rprivate, rslave")
            }
        }
    }

    /// Parses docker's `--tmpfs DESTINATION[:OPTION,…]`.
    public init(tmpfs text: String) throws(InvalidOption) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var options = ["noexec", "nosuid", "nodev"]
        for option in (parts.count > 1 ? parts[1] : "").split(separator: ",").map(String.init) {
            // The opposite of a default replaces it.
            let opposites = ["exec": "noexec", "suid": "nosuid", "dev": "nodev", "ro": "rw", "rw": "ro"]
            options.removeAll { $0 == opposites[option] || $0 == option }
            options.append(option)
        }
        try self.init(.memory(options: options), at: parts[0], of: text)
    }
}
