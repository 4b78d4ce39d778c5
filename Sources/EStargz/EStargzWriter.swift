public import Tar
internal import Threads

/// Writes one eStargz layer from tar entries, streaming: a payload is never held whole, and memory is bounded by the pool.
///
///     caller's thread   tar entries ──MemberSplitter──▶ batches of members        (this type)
///     pool's threads    chunk digests and gzip members, many batches at once      (MemberPool)
///     writer's thread   diffID, blob digest, offsets, TOC, footer, output         (OrderedMemberWriter, LayerBlob)
///
/// The bytes written depend on the entries, their order and the options, and on nothing else: not on the number of threads.
/// Entries come out in the order in which they are appended. A layer without prioritized files begins with
/// `appendLandmark(prefetch: false)`; one with them has the prioritized files (parents before children) first, then
/// `appendLandmark(prefetch: true)`, then the rest. One thread at a time.
public final class EStargzWriter {
    /// What the caller may choose.
    public struct Options: Sendable, Equatable {
        /// Chunk sizes that are accepted, in bytes. Below 4 KiB a TOC outgrows its layer; above 64 MiB one chunk is the whole
        /// memory that the pool may use.
        public static let chunkSizes = 4 << 10...64 << 20

        /// Minimum member sizes that are accepted, in bytes: what is read for one small file is at most this.
        public static let minimumChunkSizes = 0...16 << 20

        /// What kind of blob is written.
        public var format: LayerFormat
        /// Bytes of a file per chunk.
        public var chunkSize: Int
        /// Uncompressed bytes that a member holds before the next chunk begins another; 0 gives every chunk its own.
        public var minimumChunkSize: Int

        /// Options; the defaults are the reference's.
        public init(format: LayerFormat = .estargz, chunkSize: Int = TOC.defaultChunkSize, minimumChunkSize: Int = 0) {
            self.format = format
            self.chunkSize = chunkSize
            self.minimumChunkSize = minimumChunkSize
        }

        /// - Throws: `EStargzWriterError.chunkSize`, `.minimumChunkSize`.
        public func validate() throws(EStargzWriterError) {
            guard Options.chunkSizes.contains(chunkSize) else { throw .chunkSize(chunkSize) }
            // Readers decode whole members, and bound them at the largest chunk.
            guard Options.minimumChunkSizes.contains(minimumChunkSize),
                minimumChunkSize == 0 || chunkSize + minimumChunkSize <= Options.chunkSizes.upperBound - 2 * MemberSplitter.headerLimit
            else { throw .minimumChunkSize(minimumChunkSize) }
        }
    }

    private let options: Options
    private let ordered: OrderedMemberWriter
    private var thread: NativeThread?
    private var isOpen = true
    private var splitter: MemberSplitter
    private var translator = TarEntryTranslator()

    /// Begins a layer.
    ///
    /// - Parameters:
    ///   - pool: compresses; may serve several writers.
    ///   - output: gets the blob's bytes from a thread of the writer.
    /// - Throws: `EStargzWriterError`.
    public init(options: Options = Options(), pool: MemberPool, output: any BlobOutput) throws(EStargzWriterError) {
        try options.validate()
        guard pool.compression == options.format.compression else { throw .poolOfAnotherCompression }
        let ordered = OrderedMemberWriter(pool: pool, format: options.format, output: output)
        self.options = options
        self.ordered = ordered
        splitter = MemberSplitter(minimumMemberSize: options.minimumChunkSize) { try ordered.append($0) }
        // Where the source's bytes are kept there is no landmark.
        splitter.isFront = !options.format.keepsDiffID
        thread = try .starting("write-layer") { ordered.run() }
    }

    deinit { cancel() }

    /// Writes a landmark file: the end of what is wanted first, or the word that nothing is.
    public func appendLandmark(prefetch: Bool) throws {
        try whileOpen { try writeLandmark(prefetch ? TOC.prefetchLandmark : TOC.noPrefetchLandmark) }
    }

    /// Writes the entry that `reader` has just returned, with its headers as they are, its payload and padding.
    ///
    /// - Parameter repeated: ranges of the payload that `appendRepetition` has written, ascending and apart: each begins a chunk, and ends one.
    public func append(_ tar: TarEntry, payload reader: some TarPayload, repeated: [Range<Int64>] = []) throws {
        try whileOpen { try write(tar, reader, cuts: repeated.flatMap { [$0.lowerBound, $0.upperBound] }) }
    }

    /// Writes what is wanted first of a large file that stands whole behind the landmark: a file of the format's own, whose chunks are that file's.
    ///
    /// - Parameters:
    ///   - number: different for each of the layer.
    ///   - ranges: of the file, not empty.
    ///   - bytes: those of all ranges.
    public func appendRepetition(_ number: Int, of ranges: [Range<Int64>], bytes: [UInt8]) throws {
        precondition(ranges.reduce(0) { $0 + $1.count } == bytes.count, "the bytes of a repetition are those of its ranges")
        try whileOpen { try writeRepetition("\(TOC.rangesPrefix)\(number)", ranges, bytes) }
    }

    /// Writes all entries of an archive that has no prioritized files. Landmarks and a TOC that it already holds are dropped, unless the
    /// format keeps the source's bytes: then everything stays, and what follows the archive's end must come through `appendTail`.
    public func appendArchive(_ reader: TarReader) throws {
        if !options.format.keepsDiffID { try appendLandmark(prefetch: false) }
        while let entry = try reader.next() {
            if !options.format.keepsDiffID, TOC.isInternalName(TOC.cleanName(entry.name)) { continue }
            try append(entry, payload: reader)
        }
    }

    /// Writes bytes that stand behind the last entry and are no entry: the end of the source's archive, when its bytes are kept.
    public func appendTail(_ bytes: UnsafeRawBufferPointer) throws {
        try whileOpen { try splitter.header(Array(bytes), entry: nil) }
    }

    /// Writes TOC and footer and waits until everything is out. Once; nothing may follow.
    public func finish() throws -> EStargzLayer {
        try whileOpen { try splitter.finish() }
        isOpen = false
        ordered.close()
        join()
        return try ordered.result()
    }

    /// Gives the layer up and waits until nothing writes any more. Harmless after `finish`.
    public func cancel() {
        isOpen = false
        ordered.close(failure: EStargzWriterError.cancelled)
        join()
    }

    // After a failure half an entry is out, so nothing more may be: the layer is given up.
    private func whileOpen(_ work: () throws -> Void) throws {
        guard isOpen else { throw EStargzWriterError.cancelled }
        do {
            try work()
        } catch {
            cancel()
            throw error
        }
    }

    private func join() {
        thread?.join()
        thread = nil
    }

    private func writeLandmark(_ name: String) throws {
        let content = [TOC.landmarkContent]
        var entry = TOCEntry(name: name, kind: .regular)
        entry.size = Int64(content.count)
        try splitter.header(TarWriter.header(name: name, size: entry.size), entry: nil)
        // At the front of a member, so that it is an offset of the blob that what comes before can be fetched up to.
        try splitter.begin(MemberBatch.Chunk(entry: entry, size: content.count, isLast: true), isAlone: true)
        splitter.isFront = false
        content.withUnsafeBytes { splitter.append($0) }
        TarWriter.padding(afterSize: entry.size).withUnsafeBytes { splitter.append($0) }
    }

    private func writeRepetition(_ name: String, _ ranges: [Range<Int64>], _ bytes: [UInt8]) throws {
        var file = TOCEntry(name: name, kind: .regular)
        file.size = Int64(bytes.count)
        try splitter.header(TarWriter.header(name: name, size: file.size), entry: nil)
        let payload = BytesPayload(bytes, padding: TarWriter.padding(afterSize: file.size))
        var position: Int64 = 0
        for range in ranges {
            let end = position + Int64(range.count)
            while position < end { position += try writeChunk(of: file, at: position, end: end, payload) }
        }
        payload.padding().withUnsafeBytes { splitter.append($0) }
    }

    private func write(_ tar: TarEntry, _ reader: some TarPayload, cuts: [Int64]) throws {
        let entry = translator.entry(tar)
        guard tar.size > 0 else { return try splitter.header(tar.headerBytes, entry: entry) }
        try splitter.header(tar.headerBytes, entry: nil)
        var position: Int64 = 0
        var cuts = cuts[...]
        while position < tar.size {
            cuts = cuts.drop { $0 <= position }
            position += try writeChunk(of: entry, at: position, end: min(cuts.first ?? .max, tar.size), reader)
        }
        var padding = try reader.padding()
        // The source's archive may end there; ours goes on.
        if !options.format.keepsDiffID { padding += Array(repeating: 0, count: tar.paddingSize - padding.count) }
        padding.withUnsafeBytes { splitter.append($0) }
    }

    /// - Parameter end: of the bytes that the chunk may hold.
    private func writeChunk(of file: TOCEntry, at position: Int64, end: Int64, _ reader: some TarPayload) throws -> Int64 {
        let size = Int(min(Int64(options.chunkSize), end - position))
        var entry = file
        if position > 0 {
            entry = TOCEntry(name: file.name, kind: .chunk)
            entry.chunkOffset = position
        }
        // Zero means "to the end of the file"; the reference says a full-sized last chunk's size all the same.
        let isLast = position + Int64(size) == file.size
        if size == options.chunkSize || !isLast { entry.chunkSize = Int64(size) }
        try splitter.begin(MemberBatch.Chunk(entry: entry, size: size, isLast: isLast))
        var left = size
        while left > 0 {
            left -=
                try reader.withPayload(atMost: left) { bytes in
                    splitter.append(bytes)
                    return bytes.count
                } ?? left
        }
        return Int64(size)
    }
}
