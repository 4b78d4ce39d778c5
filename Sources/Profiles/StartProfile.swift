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
    /// Files, in the order of reads: each once, or, when it is read in parts, once for every part of `partSize` of which something is read.
    public var files: [File]

    /// A file that starts read, or a part of one.
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
    /// Bytes of a file's part, of which the n-th begins at n times as many: what is read early and late of a large file are different things.
    static let partSize: Int64 = 1 << 20
    /// A recording counts for so many at most, and all of a profile for so many.
    static let mostRecordings = 1_000_000

    /// The profile of one recorded start.
    ///
    /// - Parameter layers: digests of the image's layers, lowest first.
    public init(_ record: AccessRecord, layers: [Digest]) {
        self.layers = layers
        recordings = 1
        var parts: [File] = []
        var places: [Part: Int] = [:]
        for access in record.accesses {
            guard let layer = access.layerIndex, layers.indices.contains(layer) else { continue }
            for (number, ranges) in access.parts {
                let part = Part(layer: layer, path: access.path, number: number)
                if let place = places[part] {
                    parts[place].add(ranges)
                } else if parts.count < StartProfile.mostFiles {
                    places[part] = parts.count
                    parts.append(File(layer: layer, path: access.path, ranges: ranges, recordings: 1, rank: 0))
                }
            }
        }
        files = parts.enumerated().map { place, file in
            var file = file
            file.rank = parts.count > 1 ? Double(place) / Double(parts.count - 1) : 0
            return file
        }
    }

    /// What is told of apart: a part of a file, or all of it.
    struct Part: Hashable {
        let layer: Int
        let path: String
        /// Nil for all of it.
        let number: Int64?
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

extension StartProfile.File {
    /// What of it is read; nil for all.
    public var byteCount: Int64? { ranges.map { $0.reduce(0) { $0 + $1.size } } }

    /// Which part of which file it is.
    var part: StartProfile.Part {
        StartProfile.Part(layer: layer, path: path, number: ranges.map { ($0.first?.offset ?? 0) / StartProfile.partSize })
    }

    /// Something else of it is read, too; nil for all.
    mutating func add(_ more: [FileAccess.Span]?) {
        if let mine = ranges, let more { ranges = FileAccess.Span.union(mine + more) } else { ranges = nil }
    }
}

extension FileAccess {
    /// Its ranges, cut where parts end; all of a file is one.
    fileprivate var parts: [(number: Int64?, ranges: [Span]?)] {
        guard let ranges else { return [(nil, nil)] }
        var parts: [(number: Int64?, ranges: [Span]?)] = []
        for range in Span.union(ranges) {
            var start = range.offset
            let end = range.offset + range.size
            // A range may be claimed that no file has.
            while start < end, parts.count < StartProfile.mostFiles {
                let number = start / StartProfile.partSize
                let next = min(end, number < .max / StartProfile.partSize ? (number + 1) * StartProfile.partSize : .max)
                let span = Span(offset: start, size: next - start)
                if let last = parts.last, last.number == number {
                    parts[parts.count - 1].ranges?.append(span)
                } else {
                    parts.append((number, [span]))
                }
                start = next
            }
        }
        return parts
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
