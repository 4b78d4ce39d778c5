import ArgumentParser
import Conversion
import EStargz
import HostSystem
import OCI

/// Formats of layers by the names that users give them.
enum FormatName: String, ExpressibleByArgument, CaseIterable {
    case estargz
    case zstdChunked = "zstd-chunked"
}

/// How layers are written.
struct FormatArguments: ParsableArguments {
    @Option(help: "Format of the layers: estargz or zstd-chunked.")
    var format = FormatName.estargz

    @Option(
        help:
            "Compression level: 1 to 12 for estargz (default: 6, and 10 for what is prefetched), 1 to 19 for zstd-chunked (default: 3, 9).")
    var level: Int?

    @Option(name: .customLong("chunk-size"), help: ArgumentHelp("Bytes of a file per chunk.", valueName: "bytes"))
    var chunkSize = EStargzWriter.Options().chunkSize

    @Option(
        name: .customLong("min-chunk-size"),
        help: ArgumentHelp(
            "Bytes that small files share a compressed member up to. Smaller images; readers older than stargz-snapshotter 0.14 cannot read them.",
            valueName: "bytes"))
    var minimumChunkSize = EStargzWriter.Options().minimumChunkSize

    @Flag(name: .customLong("external-toc"), help: "Keep the TOCs in a second image, named like the first with -esgztoc behind its tag.")
    var externalTOC = false

    @Flag(
        name: .customLong("keep-diff-id"),
        help: "With --external-toc: change nothing in the uncompressed layers, so that their diffIDs stay.")
    var keepDiffID = false

    func validate() throws {
        guard !keepDiffID || externalTOC else {
            throw ValidationError("--keep-diff-id needs --external-toc: a TOC inside changes the layer")
        }
        guard !externalTOC || format == .estargz else {
            throw ValidationError("--external-toc is of eStargz only, not of \(format.rawValue)")
        }
    }

    /// What the writer needs to know.
    var writer: EStargzWriter.Options {
        let format: LayerFormat =
            self.format == .zstdChunked ? .zstdChunked : externalTOC ? .externalTOC(keepsDiffID: keepDiffID) : .estargz
        return EStargzWriter.Options(format: format, chunkSize: chunkSize, minimumChunkSize: minimumChunkSize)
    }
}

/// Which files come first.
struct PriorityArguments: ParsableArguments {
    @Option(
        name: .customLong("prefetch-list"),
        help: ArgumentHelp(
            "Files to put first, a path or glob (* ? [] **) a line; they are fetched before anybody asks.", valueName: "file"))
    var prefetchList: String?

    @Option(
        name: .customLong("record-in"),
        help: ArgumentHelp("The same from a record of accesses, as optimizers write it (JSON lines).", valueName: "file"))
    var recordIn: String?

    /// Largest list or record, in bytes: a million paths of usual length.
    private static let maximumSize = 256 << 20

    func validate() throws {
        guard prefetchList == nil || recordIn == nil else { throw ValidationError("--prefetch-list and --record-in exclude each other") }
    }

    /// What the files say; nil when none was given.
    func priorities() throws -> Priorities? {
        if let prefetchList { return try Priorities(list: PriorityArguments.text(prefetchList), path: prefetchList) }
        if let recordIn { return Priorities(try PriorityArguments.record(recordIn)) }
        return nil
    }

    /// Reads a record of accesses.
    static func record(_ path: String) throws -> AccessRecord { try AccessRecord(parsing: text(path), path: path) }

    private static func text(_ path: String) throws -> String {
        String(decoding: try Files.read(path, limit: PriorityArguments.maximumSize), as: UTF8.self)
    }
}
