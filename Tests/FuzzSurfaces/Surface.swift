// Surfaces: every wall where bytes of strangers come in, as one function from bytes to nothing.
//
//   libFuzzer (fuzz/, `make fuzz`)  ─▶ Surface.run ◀─ FuzzTests, which replays testdata/fuzz on every `make test`
//
// A surface feeds the bytes to the room as its callers do and then holds the room to its word: what was accepted must be usable and
// keep its invariants. A trap ends the process, which is a finding; a broken promise is thrown, which the fuzzer makes a trap of.

/// One way for bytes of strangers into starling.
public struct Surface: Sendable {
    /// Name of the surface, and of its folder in testdata/fuzz.
    public let name: String
    /// Feeds some bytes to it.
    ///
    /// - Throws: `BrokenPromise`. Refusing the bytes is not an error here.
    public let run: @Sendable (UnsafeRawBufferPointer) throws -> Void

    /// All surfaces.
    public static let all: [Surface] = [
        Surface(name: "tar", run: TarSurface.run),
        Surface(name: "toc", run: TOCSurface.run),
        Surface(name: "tree", run: TreeSurface.run),
        Surface(name: "chunks", run: ChunkMapSurface.run),
        Surface(name: "writer", run: WriterSurface.run),
        Surface(name: "unpack", run: UnpackSurface.run),
        Surface(name: "footer", run: FooterSurface.run),
        Surface(name: "gzip", run: GzipSurface.run),
        Surface(name: "zstd", run: ZstdSurface.run),
        Surface(name: "documents", run: DocumentSurface.run),
        Surface(name: "archive", run: ArchiveSurface.run),
        Surface(name: "reference", run: ReferenceSurface.run),
        Surface(name: "erofs", run: EROFSSurface.run),
    ]
}

/// Something that a room promises and did not keep.
public struct BrokenPromise: Error, CustomStringConvertible {
    /// What was promised.
    public let description: String
}

/// Holds a room to its word.
func promise(_ isKept: Bool, _ what: @autoclosure () -> String) throws {
    guard isKept else { throw BrokenPromise(description: what()) }
}

/// Runs `body` and gives nil where it throws: strangers' bytes may be refused.
func accepted<Result>(_ body: () throws -> Result) throws -> Result? {
    do {
        return try body()
    } catch let broken as BrokenPromise {
        throw broken
    } catch {
        // The message is made from the same bytes.
        _ = "\(error)"
        return nil
    }
}
