/// How far an upload in pieces has come: a pure value that says which piece is next, and reads what a registry says of it.
struct UploadProgress {
    /// Bytes of all pieces but the last.
    private(set) var pieceSize: Int64
    /// Bytes that the registry has.
    private(set) var received: Int64 = 0
    /// The most that it ever had, over all beginnings.
    private var furthest: Int64 = 0

    /// - Parameter pieceSize: of all pieces but the last.
    init(pieceSize: Int64) { self.pieceSize = max(1, pieceSize) }

    /// What to send next of a blob of which there are so many bytes; nil when the registry has them all.
    func piece(of size: Int64) -> Range<Int64>? {
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
    /// - Parameter size: bytes that there are.
    /// - Returns: whether it now has more than ever before; nil when the text means nothing or more than there is.
    mutating func take(_ range: String?, of size: Int64) -> Bool? {
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
