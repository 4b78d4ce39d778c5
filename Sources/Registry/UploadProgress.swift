/// How far an upload in pieces has come: a pure value that says which piece is next, and reads what a registry says of it.
struct UploadProgress {
    private let size: Int64
    private var pieceSize: Int64
    /// Bytes that the registry has.
    private(set) var received: Int64 = 0
    /// The most that it ever had, over all beginnings.
    private var furthest: Int64 = 0

    /// - Parameters:
    ///   - size: of the blob.
    ///   - pieceSize: of all pieces but the last.
    init(size: Int64, pieceSize: Int64) {
        self.size = size
        self.pieceSize = max(1, pieceSize)
    }

    /// What to send next; nil when the registry has everything.
    var piece: Range<Int64>? {
        received < size ? received..<min(size, received + pieceSize) : nil
    }

    /// An upload begins, with nothing.
    ///
    /// - Parameter least: the smallest piece that the registry takes, when it says so.
    mutating func begin(least: Int64?) {
        received = 0
        pieceSize = max(pieceSize, least ?? 0)
    }

    /// Takes the `Range` that the registry says it has (distribution specification, "Pushing a blob in chunks").
    ///
    /// - Returns: whether it now has more than ever before; nil when the text means nothing or more than there is.
    mutating func take(_ range: String?) -> Bool? {
        guard let end = UploadProgress.end(range), end <= size else { return nil }
        received = end
        defer { furthest = max(furthest, received) }
        return received > furthest
    }

    /// `0-1023` is 1024 bytes, and `0-0` none: that is what registries say of an upload that has just begun.
    private static func end(_ range: String?) -> Int64? {
        guard var text = range?[...] else { return nil }
        if text.hasPrefix("bytes=") { text = text.dropFirst(6) }
        let bounds = text.split(separator: "-", omittingEmptySubsequences: false)
        guard bounds.count == 2, bounds[0] == "0", let last = Int64(bounds[1]), last >= 0, last < Int64.max else { return nil }
        return last == 0 ? 0 : last + 1
    }
}
