/// Table of contents of a layer: what files there are and which gzip members (zstd frames) hold their bytes.
///
/// Source: eStargz specification, "TOC". The order of the entries is the order of the tar.
public struct TOC: Equatable, Sendable {
    /// Version of the format; 1 is the only one.
    public var version: Int
    /// Entries in tar order. An entry of type `chunk` continues the regular file before it.
    public var entries: [TOCEntry]

    /// Name of the tar entry that holds the TOC, the last one of the layer.
    public static let entryName = "stargz.index.json"
    /// Landmark: everything before it is wanted first.
    public static let prefetchLandmark = ".prefetch.landmark"
    /// Landmark: nothing is wanted before it is asked for.
    public static let noPrefetchLandmark = ".no.prefetch.landmark"
    /// Beginning of the names of files before the landmark that repeat what is wanted first of large files, which stand whole behind it. The rest of
    /// the name is a number.
    public static let rangesPrefix = ".prefetch.ranges."
    /// The one byte that a landmark file holds.
    public static let landmarkContent: UInt8 = 0x0f
    /// Payload bytes of a chunk when nothing else is asked for (reference implementation: 4 MiB).
    public static let defaultChunkSize = 4 << 20

    /// A table of the given entries.
    public init(version: Int = 1, entries: [TOCEntry] = []) {
        self.version = version
        self.entries = entries
    }

    /// Whether the layer says itself what is to be prefetched, or that nothing is.
    public var hasLandmark: Bool {
        entries.contains { entry in
            // Nearly no name ends with that byte.
            guard entry.name.utf8.last == UInt8(ascii: "k") else { return false }
            let name = TOC.cleanName(entry.name)
            return name == TOC.prefetchLandmark || name == TOC.noPrefetchLandmark
        }
    }

    /// A name without leading `./` and `/`, inner `.`, `..` and doubled slashes.
    public static func cleanName(_ name: String) -> String {
        var parts: [Substring] = []
        for part in name.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }

    /// Whether a name (cleaned of `./` and `/`) belongs to the format and not to the file system.
    public static func isInternalName(_ cleanName: String) -> Bool {
        cleanName == entryName || cleanName == prefetchLandmark || cleanName == noPrefetchLandmark || cleanName.hasPrefix(rangesPrefix)
    }
}
