public import Digests

/// What a container needs to know of its image (OCI image specification, "config.md"). Read only:
/// whoever rewrites a configuration edits its `JSONValue`, so that fields unknown here survive.
public struct ImageConfig: Codable, Hashable, Sendable {
    /// Processor architecture.
    public var architecture: String?
    /// Operating system.
    public var os: String?
    /// Architecture variant.
    public var variant: String?
    /// Execution parameters.
    public var config: Execution?
    /// The layers' uncompressed digests.
    public var rootfs: RootFS?

    /// Digests of the uncompressed layers, lowest first.
    public struct RootFS: Codable, Hashable, Sendable {
        /// Always `layers`.
        public var type: String
        /// Digest of each layer's uncompressed tar.
        public var diffIDs: [Digest]

        private enum CodingKeys: String, CodingKey {
            case type
            case diffIDs = "diff_ids"
        }
    }

    /// Defaults for a container that is started from the image.
    public struct Execution: Codable, Hashable, Sendable {
        /// `user[:group]`, names or numbers.
        public var user: String?
        /// `NAME=value` entries.
        public var environment: [String]?
        /// Program that the arguments are appended to.
        public var entrypoint: [String]?
        /// Default arguments.
        public var command: [String]?
        /// Working directory.
        public var workingDirectory: String?
        /// Signal that asks the container to stop.
        public var stopSignal: String?
        /// Labels of the image.
        public var labels: [String: String]?
        /// Directories that are meant to be volumes.
        public var volumes: [String: EmptyObject]?

        private enum CodingKeys: String, CodingKey {
            case user = "User"
            case environment = "Env"
            case entrypoint = "Entrypoint"
            case command = "Cmd"
            case workingDirectory = "WorkingDir"
            case stopSignal = "StopSignal"
            case labels = "Labels"
            case volumes = "Volumes"
        }

        /// PATH where nobody says another, as docker and podman have it.
        public static let usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

        /// Files of an image in which engines look up the user and the groups of its program, before they start it.
        public static let userFiles = ["etc/passwd", "etc/group"]

        /// No defaults at all.
        public init() {}

        /// The same with another entrypoint, and then without the arguments that were meant for its own; nil changes nothing.
        public func replacing(entrypoint other: [String]?) -> Execution {
            guard let other else { return self }
            var result = self
            result.entrypoint = other
            result.command = nil
            return result
        }

        /// Program and arguments: the entrypoint, and behind it the words of the command line, or where there are none, the image's.
        public func arguments(command other: [String]) -> [String] { (entrypoint ?? []) + (other.isEmpty ? command ?? [] : other) }
    }

    /// `{}`, the value type of Go's sets in JSON.
    public struct EmptyObject: Codable, Hashable, Sendable {}
}
