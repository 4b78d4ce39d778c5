internal import EStargz
internal import HostSystem
internal import OCI
internal import Tar

/// The blocking part of a layer's conversion: reads the source, checks it, and writes the blob.
struct LayerRewriting {
    let layer: PlannedLayer
    let options: ConversionOptions
    let pool: MemberPool
    /// Directory for temporary files.
    let directory: String
    /// Is told of their bytes.
    let budget: DiskBudget
    let cancellation: CancellationFlag
    let report: @Sendable (ConversionEvent) -> Void

    /// What was written, and bytes after the source's compressed data that were ignored.
    struct Outcome {
        var written: EStargzLayer
        var ignoredBytes: UInt64
    }

    /// Converts a layer.
    func run(_ stream: any BlobStream, to output: any BlobOutput) throws -> Outcome {
        let writer = try EStargzWriter(options: options.writer, pool: pool, output: output)
        defer { writer.cancel() }
        if let priorities = options.priorities, !options.writer.format.keepsDiffID { return try runPrioritized(priorities, stream, writer) }
        let input = try SourceLayer(stream, cancellation: cancellation, progress: progress)
        let reader = TarReader(input)
        try writer.appendArchive(reader)
        // To the end in any case: the digests cover everything, and the stream has verified the blob then.
        try reader.withTail { if options.writer.format.keepsDiffID { try writer.appendTail($0) } }
        try check(input)
        return Outcome(written: try writer.finish(), ignoredBytes: input.ignoredBytes)
    }

    /// Looks at all names first, and writes the wanted entries before the rest. The source is read once, and kept on the disk as it came, which
    /// is all that is there: wanted entries wait in memory, as many as fit, and then the archive is read again for the next.
    private func runPrioritized(_ priorities: Priorities, _ stream: any BlobStream, _ writer: EStargzWriter) throws -> Outcome {
        let spool = try TemporaryFile(in: directory, budget: budget)
        let input = try SourceLayer(stream, spool: spool, cancellation: cancellation, progress: progress)
        var order = EntryOrder()
        let scan = TarReader(input)
        while let entry = try scan.next() { order.add(entry) }
        try scan.withTail { _ in }
        try check(input)

        let first = order.first(priorities, layer)
        guard !first.isEmpty else {
            try writer.appendArchive(TarReader(SpooledArchive(spool, isLast: true, cancellation: cancellation)))
            return Outcome(written: try writer.finish(), ignoredBytes: input.ignoredBytes)
        }
        var repetitions = 0
        for run in EntryStash.runs(of: first) { try append(run, of: spool, to: writer, &repetitions) }
        try writer.appendLandmark(prefetch: true)
        let isFirst = Set(first.filter { $0.ranges == nil }.map(\.number))
        let repeated = Dictionary(grouping: first.filter { $0.ranges != nil }, by: \.number).mapValues { parts in
            parts.flatMap { $0.ranges ?? [] }.sorted { $0.lowerBound < $1.lowerBound }
        }
        try forEachEntry(in: spool, isLast: true) { number, entry, reader in
            if !isFirst.contains(number), order.isLast(number, entry), !TOC.isInternalName(TOC.cleanName(entry.name)) {
                try writer.append(entry, payload: reader, repeated: repeated[number] ?? [])
            }
            return true
        }
        return Outcome(written: try writer.finish(), ignoredBytes: input.ignoredBytes)
    }

    /// Writes wanted entries in their order: one as it comes by, more when all of them have come by.
    ///
    /// - Parameter repetitions: how many parts of files the layer has so far.
    private func append(
        _ wanted: ArraySlice<WantedEntry>, of spool: TemporaryFile, to writer: EStargzWriter, _ repetitions: inout Int
    ) throws {
        let entries = Dictionary(grouping: wanted, by: \.number)
        var stash = EntryStash()
        var missing = entries.count
        try forEachEntry(in: spool, isLast: false) { number, entry, reader in
            guard let parts = entries[number] else { return true }
            missing -= 1
            if wanted.count == 1, parts[0].ranges == nil {
                try writer.append(entry, payload: reader)
            } else {
                try stash.take(parts, entry, reader)
            }
            return missing > 0
        }
        for wanted in wanted {
            guard let (entry, bytes, padding) = stash.remove(wanted) else { continue }
            if let ranges = wanted.ranges {
                try writer.appendRepetition(repetitions, of: ranges, bytes: bytes)
                repetitions += 1
            } else {
                try writer.append(entry, payload: BytesPayload(bytes, padding: padding))
            }
        }
    }

    /// Reads the archive, until `body` returns false.
    private func forEachEntry(in spool: TemporaryFile, isLast: Bool, _ body: (Int, TarEntry, TarReader) throws -> Bool) throws {
        let reader = TarReader(try SpooledArchive(spool, isLast: isLast, cancellation: cancellation))
        var number = 0
        while let entry = try reader.next(), try body(number, entry, reader) { number += 1 }
    }

    private var progress: (Int64) -> Void { { report(.progress(layer.name, bytes: $0)) } }

    private func check(_ input: SourceLayer) throws(ConversionError) {
        guard input.diffID == layer.diffID else { throw .diffID(layer.name, expected: layer.diffID, actual: input.diffID) }
    }
}
