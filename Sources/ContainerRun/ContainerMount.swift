/// Something of the host, or memory, at a place in the container.
public struct ContainerMount: Equatable, Sendable {
    /// Where it comes from.
    public enum Source: Equatable, Sendable {
        /// A file or directory of the host, absolute or relative to where the command runs.
        case path(String)
        /// A directory that outlives containers, by its name.
        case volume(String)
        /// A directory that goes with the container.
        case ownVolume
        /// Memory (tmpfs) with the file system's options.
        case memory(options: [String])
    }

    /// Whether mounts that are made on one side show on the other (mount_namespaces(7)); with all that is mounted below.
    public enum Propagation: String, Sendable, CaseIterable {
        /// No.
        case rprivate
        /// The host's show in the container.
        case rslave
    }

    /// Where it comes from.
    public var source: Source
    /// Where it appears, an absolute path.
    public var destination: String
    /// Whether the container cannot write to it.
    public var isReadOnly = false
    /// Whether later mounts of the host show.
    public var propagation = Propagation.rprivate
    /// Whether what is mounted below the source comes along.
    public var isRecursive = true
    /// Whether a missing source becomes an empty directory; else it is an error.
    public var makesSource = false
    /// Whether a new volume begins with what the image has there.
    public var copiesImage = true

    init(_ source: Source, at destination: String, of text: String) throws(InvalidOption) {
        let path = destination.split(separator: "/").filter { $0 != "." }
        guard destination.hasPrefix("/"), !path.contains("..") else {
            throw InvalidOption(text: text, reason: "the place in the container must be an absolute path")
        }
        guard !path.isEmpty else { throw InvalidOption(text: text, reason: "nothing can be mounted over the container's /") }
        self.source = source
        self.destination = "/" + path.joined(separator: "/")
    }

    /// Where a text of the command line leads: `/…`, `./…` and `../…` are paths, a bare word is the name of a volume.
    static func source(_ text: String, of option: String) throws(InvalidOption) -> Source {
        if text.hasPrefix("/") || text == "." || text == ".." || text.hasPrefix("./") || text.hasPrefix("../") { return .path(text) }
        return .volume(try volumeName(text, of: option))
    }

    // docker's rule for names of volumes: [a-zA-Z0-9][a-zA-Z0-9_.-]+
    static func volumeName(_ text: String, of option: String) throws(InvalidOption) -> String {
        guard ContainerName.isValid(text) else {
            throw InvalidOption(
                text: option,
                reason: "\"\(text)\" is neither a path (such as ./\(text)) nor the name of a volume (letters, digits, _ . -, at least two)")
        }
        return text
    }

    /// Takes a word for propagation; false when it is none.
    mutating func setPropagation(_ word: String, of text: String) throws(InvalidOption) -> Bool {
        switch word {
        case "private", "rprivate": propagation = .rprivate
        case "slave", "rslave": propagation = .rslave
        case "shared", "rshared":
            throw InvalidOption(
                text: text,
                reason: "what a container mounts stays in its own mount namespace, so \(word) cannot be; rslave shows it the host's mounts")
        default: return false
        }
        return true
    }
}
