/// Everything that a recorder took down, each kind in the order in which it ended. Times are microseconds since the beginning.
public struct TraceEvents: Codable, Equatable, Sendable {
    /// Seconds since 1970 at the beginning.
    public var beganAt: Int64 = 0
    /// How long it was recorded.
    public var duration: UInt64 = 0
    /// Steps of the start.
    public var spans: [TraceSpan] = []
    /// Requests to registries.
    public var requests: [TraceRequest] = []
    /// Ranges of layers that the engine asked for.
    public var ranges: [TraceRange] = []
    /// Reads that waited.
    public var reads: [TraceRead] = []
    /// When things happened first.
    public var marks: [TraceMark: UInt64] = [:]
    /// The container's.
    public var exitStatus: Int?
    /// What came when there was no room any more.
    public var leftOut = LeftOut()

    /// How many of a kind were not kept.
    public struct LeftOut: Codable, Equatable, Sendable {
        /// Steps.
        public var spans = 0
        /// Requests.
        public var requests = 0
        /// Reads.
        public var reads = 0
    }

    /// Nothing yet.
    public init() {}
}

/// Moments of a start.
public enum TraceMark: String, Codable, CodingKeyRepresentable, CaseIterable, Sendable {
    /// The OCI runtime was started.
    case runtime
    /// The runtime became the container's program.
    case program
    /// The first byte that the container wrote to its standard output or error.
    case firstOutput
    /// The container's end.
    case exit
}

/// A step of the start and how long it took.
public struct TraceSpan: Codable, Equatable, Sendable {
    /// What it belongs to.
    public enum Lane: String, Codable, Sendable {
        /// Finding out what the image is.
        case resolve
        /// Opening its layers and putting them together.
        case layers
        /// Guessing what will be read.
        case prediction
        /// Preparing and running the container.
        case container
    }

    /// What it belongs to.
    public var lane: Lane
    /// A word or two.
    public var name: String
    /// What is worth knowing besides.
    public var detail: String?
    /// Digest of the layer that it is about.
    public var layer: String?
    /// Microseconds.
    public var start: UInt64
    /// Microseconds.
    public var end: UInt64
}

/// One HTTP request.
public struct TraceRequest: Codable, Equatable, Sendable {
    /// What is asked for.
    public enum Kind: String, Codable, Sendable {
        /// A manifest or an index.
        case manifest
        /// A blob or a range of it.
        case blob
        /// A token for other requests.
        case token
        /// What refers to an image, such as its profile.
        case referrers
        /// Something else.
        case other
    }

    /// What is asked for.
    public var kind: Kind
    /// Tag or digest.
    public var subject: String
    /// Host and port that were asked.
    public var host: String
    /// Value of the `Range` header.
    public var range: String?
    /// Microseconds: it was given to the transport.
    public var start: UInt64
    /// When the first byte of the body came.
    public var firstByte: UInt64?
    /// When it was over.
    public var end: UInt64 = 0
    /// Status of the answer; nil for none.
    public var status: Int?
    /// Bytes of the body.
    public var bytes: UInt64 = 0
    /// Why there was no whole answer.
    public var failure: String?

    init(kind: Kind, subject: String, host: String, range: String?, start: UInt64) {
        (self.kind, self.subject, self.host, self.range, self.start) = (kind, subject, host, range, start)
    }

    /// First and last byte that `range` asks for; nil for none and for a suffix.
    var bounds: ClosedRange<UInt64>? {
        guard let range, range.hasPrefix("bytes=") else { return nil }
        let parts = range.dropFirst("bytes=".count).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = UInt64(parts[0]), let last = UInt64(parts[1]), first <= last else { return nil }
        return first...last
    }
}

/// Why a range is asked for.
public enum FetchCause: String, Codable, Sendable {
    /// A read waited.
    case demand
    /// It lies before a landmark.
    case prefetch
    /// Something that will be read names it.
    case prediction
    /// It completes the layer.
    case background
}

/// One attempt to get a range of a layer, as the engine sees it.
public struct TraceRange: Codable, Equatable, Sendable {
    /// The same for all attempts.
    public var id: Int
    /// Digest of the layer.
    public var layer: String
    /// Chunks that it brings.
    public var extent: ClosedRange<Int>
    /// Why.
    public var cause: FetchCause
    /// From 1 on.
    public var attempt = 1
    /// Microseconds: since then it waited for its turn.
    public var queued: UInt64
    /// When it was asked for.
    public var start: UInt64 = 0
    /// When it was over.
    public var end: UInt64 = 0
    /// First and last byte of the blob that were asked for.
    public var bytes: ClosedRange<UInt64>?
    /// Whether it reads what was asked for when the layer was opened.
    public var isFront = false
    /// Why it was not whole.
    public var failure: String?

    init(id: Int, layer: String, extent: ClosedRange<Int>, cause: FetchCause, queued: UInt64) {
        (self.id, self.layer, self.extent, self.cause, self.queued) = (id, layer, extent, cause, queued)
    }
}

/// Where a read reads, and who.
public struct ReadPlace: Codable, Equatable, Sendable {
    /// In the layer's content file.
    public var offset: UInt64
    /// Bytes.
    public var size: Int
    /// Process that reads; 0 where it cannot be seen.
    public var process: Int32

    /// A place.
    public init(offset: UInt64, size: Int, process: Int32 = 0) { (self.offset, self.size, self.process) = (offset, size, process) }
}

/// A read that waited.
public struct TraceRead: Codable, Equatable, Sendable {
    /// Digest of the layer.
    public var layer: String
    /// Where, and who.
    public var place: ReadPlace
    /// Name of the process's program.
    public var program: String?
    /// Microseconds.
    public var start: UInt64
    /// Microseconds.
    public var end: UInt64
    /// Why it waited.
    public var cause: WaitCause
    /// Of its wait: until the last of its ranges was asked for.
    public var queued: UInt64
    /// Attempts that its ranges took, at most.
    public var attempts: Int
    /// Ids of the ranges that it waited for.
    public var ranges: [Int]
    /// Whether it ended with an error.
    public var isFailed: Bool
    /// Files that it read of; known once somebody has looked them up.
    public var files: [FilePart] = []

    /// Microseconds that it waited.
    public var wait: UInt64 { end - min(start, end) }

    /// A part of a file.
    public struct FilePart: Codable, Equatable, Sendable {
        /// Absolute, in the container.
        public var path: String
        /// Of the part, in the file.
        public var offset: UInt64
        /// Bytes of the part.
        public var size: UInt64
        /// Bytes of the file.
        public var fileSize: UInt64

        /// A part.
        public init(path: String, offset: UInt64, size: UInt64, fileSize: UInt64) {
            (self.path, self.offset, self.size, self.fileSize) = (path, offset, size, fileSize)
        }
    }
}
