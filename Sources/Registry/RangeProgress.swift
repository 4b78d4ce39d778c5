/// `Content-Range: bytes first-last/total` (RFC 9110, section 14.4).
struct ContentRange: Equatable {
    var first: UInt64
    var last: UInt64
    var total: UInt64?

    init?(_ header: String?) {
        guard let header, header.hasPrefix("bytes ") else { return nil }
        let parts = header.dropFirst(6).split(separator: "/")
        let bounds = (parts.first ?? "").split(separator: "-")
        guard parts.count == 2, bounds.count == 2, let first = UInt64(bounds[0]), let last = UInt64(bounds[1]), first <= last else {
            return nil
        }
        self.first = first
        self.last = last
        total = UInt64(parts[1])
    }
}

/// How far a range has come, over several answers: a pure value that decides what of an answer's bytes is wanted.
struct RangeProgress {
    private let end: UInt64
    private let size: UInt64?
    private let mostUnwanted: UInt64
    /// Offset of the next byte to hand out.
    private(set) var next: UInt64
    /// Whether the receiver has enough.
    private(set) var isStopped = false
    /// Why an answer cannot be used.
    private(set) var failure: String?
    private var position: UInt64?

    /// - Parameters:
    ///   - size: of the whole blob, when it is known; who tells of another has another blob.
    ///   - mostUnwanted: bytes before the range that are received and dropped where an answer begins too early.
    init(_ range: Range<UInt64>, of size: UInt64? = nil, mostUnwanted: UInt64 = .max) {
        self.size = size
        self.mostUnwanted = mostUnwanted
        next = range.lowerBound
        end = range.upperBound
    }

    var isDone: Bool { next == end || isStopped }

    /// Hands the wanted part of an answer's bytes to `receive`.
    mutating func receive(_ head: HTTPHead, _ bytes: UnsafeRawBufferPointer, _ receive: (UnsafeRawBufferPointer) -> Appetite) -> Appetite {
        if isDone { return .stop }
        if position == nil {
            let range = ContentRange(head["content-range"])
            // The whole body in place of a range begins at 0; a range says where it begins.
            let start = head.status == 200 ? 0 : range?.first
            guard let start, start <= next else {
                failure = "wrong Content-Range \"\(head["content-range"] ?? "")\""
                return .stop
            }
            let total = head.status == 200 ? head["content-length"].flatMap { UInt64($0) } : range?.total
            if let total, let size, total != size {
                failure = "a blob of \(total) bytes in place of \(size)"
                return .stop
            }
            guard next - start <= mostUnwanted else {
                failure = "the whole blob in place of a range"
                return .stop
            }
            position = start
        }
        guard let start = position else { return .stop }
        let skip = min(next - start, UInt64(bytes.count))
        let take = min(UInt64(bytes.count) - skip, end - next)
        if take > 0 {
            let wanted = UnsafeRawBufferPointer(rebasing: bytes[Int(skip)..<Int(skip + take)])
            switch receive(wanted) {
            case .more: break
            case .pause: return .pause
            case .stop:
                isStopped = true
                return .stop
            }
        }
        position = start + UInt64(bytes.count)
        next += take
        return next == end && take + skip < UInt64(bytes.count) ? .stop : .more
    }

    /// A new answer begins.
    mutating func restart() { (position, failure) = (nil, nil) }
}
