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
