// Profiles: what the start of an image reads, kept beside the image and not in it.
//
//   record of a workload ─▶ StartProfile ─▶ merged with others ─▶ ProfileArtifact ─push─▶ registry, as a referrer of the image's manifest
//                                                                                            │
//                                     whoever starts the image: prefetches those files ◀─pull┘
//
// A profile is a hint. Whatever is in it, it can only make somebody fetch bytes of the image earlier, each verified as always.

public import Digests
public import OCI

/// What the start of an image reads: files of its layers, the first ones first, and how sure that is.
public struct StartProfile: Codable, Equatable, Sendable {
    /// Version of the format; 1 is the only one.
    public var version = 1
    /// Digests of the image's layers, lowest first.
    public var layers: [Digest]
    /// How many starts were recorded.
    public var recordings: Int
    /// Files, each once, in the order of reads.
    public var files: [File]

    /// A file that starts read.
    public struct File: Codable, Equatable, Sendable {
        /// Place of its layer in the image, the lowest is 0.
        public var layer: Int
        /// Path in the layer, without a slash before it.
        public var path: String
        /// What is read of it; nil for all.
        public var ranges: [FileAccess.Span]?
        /// In how many of the recorded starts it was read.
        public var recordings: Int
        /// When it was read: 0 first, 1 last, the mean of all recordings.
        public var rank: Double
    }

    /// Files of a profile at most; a start reads thousands.
    public static let mostFiles = 100_000
    /// A recording counts for so many at most, and all of a profile for so many.
    static let mostRecordings = 1_000_000

    /// The profile of one recorded start.
    ///
    /// - Parameter layers: digests of the image's layers, lowest first.
    public init(_ record: AccessRecord, layers: [Digest]) {
        self.layers = layers
        recordings = 1
        let accesses = record.accesses.filter { layers.indices.contains($0.layerIndex ?? -1) }.prefix(StartProfile.mostFiles)
        files = accesses.enumerated().map { place, access in
            File(
                layer: access.layerIndex ?? 0, path: access.path, ranges: access.ranges, recordings: 1,
                rank: accesses.count > 1 ? Double(place) / Double(accesses.count - 1) : 0)
        }
    }

    /// Reads a profile.
    ///
    /// - Parameter name: of the file or artifact, for messages.
    /// - Throws: `ProfileError`.
    public init(parsing bytes: [UInt8], name: String) throws(ProfileError) {
        do {
            self = try Documents.decode(StartProfile.self, from: bytes, what: "profile")
        } catch {
            throw .notAProfile(name: name, reason: "\(error)")
        }
        guard version == 1 else { throw .notAProfile(name: name, reason: "it is of version \(version), known is 1") }
        guard files.count <= StartProfile.mostFiles else {
            throw .notAProfile(name: name, reason: "more than the \(StartProfile.mostFiles) files that are accepted")
        }
        let isSound = files.allSatisfy {
            layers.indices.contains($0.layer) && (1...max(1, recordings)).contains($0.recordings) && (0...1).contains($0.rank)
        }
        guard (1...StartProfile.mostRecordings).contains(recordings), isSound else {
            throw .notAProfile(name: name, reason: "its numbers do not fit together")
        }
    }

    /// The profile as it is written.
    public func encoded() throws -> [UInt8] { try Documents.encode(self) }

    /// Whether a file is worth fetching before anybody asks: at least every second start reads it.
    public func isExpected(_ file: File) -> Bool { 2 * file.recordings >= recordings }

    /// The files that are, the first ones first.
    public var expected: [FileAccess] {
        files.filter(isExpected).map { FileAccess(path: $0.path, layerIndex: $0.layer, ranges: $0.ranges) }
    }
}

/// Why a profile cannot be used.
public enum ProfileError: Error, Equatable, CustomStringConvertible {
    /// A file or artifact holds no profile.
    case notAProfile(name: String, reason: String)
    /// Profiles of different images.
    case otherImage(name: String)
    /// There is none.
    case none(image: String)
    /// The image cannot be started lazily, so nothing could be prefetched.
    case notLazy(image: String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .notAProfile(let name, let reason): "\(name): not a start profile: \(reason)"
        case .otherImage(let name):
            "\(name): the profile of an image with other layers; only profiles of one image can be merged or pushed to it"
        case .none(let image): "\(image) has no start profile; `starling profile record` makes one"
        case .notLazy(let image):
            "\(image) has layers that are not lazy, of which nothing can be prefetched; `starling convert` makes them lazy"
        }
    }
}
