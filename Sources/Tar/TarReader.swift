// Tar: archives as entries, and nothing lost.
//
//   bytes ─TarInput─▶ TarReader.next() ─▶ TarEntry (what the headers say + the header blocks themselves)
//                     withPayload / readPayload, padding() ─▶ the entry's bytes
//
// Read are v7, ustar, pax (x and g headers), GNU (long names, base-256 numbers) and star; the rules for odd archives are those of
// Go's archive/tar, which container runtimes unpack with. An archive written again from headerBytes, payload and padding is the
// same archive, byte for byte. The room never looks at a file system and never holds a payload.

/// Reads a tar archive from front to back. One thread at a time.
///
///     while let entry = try reader.next() {
///         while try reader.readPayload(into: buffer) > 0 { … }
///     }
public final class TarReader {
    /// Most bytes of one extended header or long name: 1 MiB, Go's own bound. (Linux allows 64 KiB of xattr names and as much per
    /// value, and paths of 4 KiB.)
    public static let extendedHeaderLimit = 1 << 20
    /// Most bytes of all headers of one entry: one of each kind (x, g, L, K) at its limit, and their blocks.
    public static let headersLimit = 4 * (extendedHeaderLimit + 2 * TarBlock.size) + TarBlock.size

    /// Most records of all global headers (`g`) together; `extendedHeaderLimit` bounds their bytes. They stay for all entries that
    /// follow, so each costs time again and again. pax(1) writes a handful.
    public static let globalRecordsLimit = 256

    private var input: BufferedInput
    private var globals = PaxRecords()
    private var payloadLeft: Int64 = 0
    private var paddingLeft = 0
    private var entryName: String?
    private var ended = false
    /// The zero blocks that ended the archive.
    private var endBlocks: [UInt8] = []

    /// Begins to read at the front of an archive.
    public init(_ input: any TarInput) {
        self.input = BufferedInput(input)
    }

    /// Bytes of the archive that were taken so far.
    public var offset: UInt64 { input.offset }

    /// The next entry; what is left of the payload before it is passed over. Nil at the archive's end: two zero blocks, or the
    /// input's end behind a payload. What follows the zero blocks is not read.
    ///
    /// - Throws: `TarError`, or what the input throws.
    public func next() throws -> TarEntry? {
        try skipPayload()
        guard !ended else { return nil }
        var pending = PendingHeaders(offset: input.offset)
        while true {
            let offset = input.offset
            guard let block = try nextBlock(&pending) else {
                ended = true
                guard pending.isEmpty else { throw TarError.truncated(entry: nil, offset: input.offset) }
                return nil
            }
            guard block.checksumIsRight else { throw TarError.checksum(offset: offset) }
            switch block.typeFlag {
            case UInt8(ascii: "x"): pending.records = try PaxRecords(extendedPayload(block, offset, &pending), offset: offset)
            case UInt8(ascii: "g"): globals = try newGlobals(PaxRecords(extendedPayload(block, offset, &pending), offset: offset), offset)
            case UInt8(ascii: "L"): pending.longName = try extendedPayload(block, offset, &pending).prefix { $0 != 0 }
            case UInt8(ascii: "K"): pending.longLinkName = try extendedPayload(block, offset, &pending).prefix { $0 != 0 }
            default:
                let entry = try pending.entry(block, globals: globals, blockOffset: offset)
                payloadLeft = entry.size
                paddingLeft = entry.paddingSize
                entryName = entry.name
                return entry
            }
        }
    }

    /// Hands out the next bytes of the entry's payload, without copying them.
    ///
    /// - Returns: what `body` returned; nil at the payload's end, and then `body` was not called.
    /// - Throws: `TarError.truncated`, or what the input or `body` throws.
    public func withPayload<Result>(atMost limit: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result? {
        guard payloadLeft > 0 else { return nil }
        guard let (count, result) = try input.withBytes(atMost: Int(min(Int64(limit), payloadLeft)), body) else {
            throw TarError.truncated(entry: entryName, offset: input.offset)
        }
        payloadLeft -= Int64(count)
        return result
    }

    /// Fills the front of `buffer` with the next bytes of the entry's payload.
    ///
    /// - Returns: how many bytes; 0 at the payload's end.
    public func readPayload(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        precondition(buffer.count > 0, "a read needs room for a byte")
        return try withPayload(atMost: buffer.count) { bytes in
            buffer.copyMemory(from: bytes)
            return bytes.count
        } ?? 0
    }

    /// The bytes between the entry's payload and the next block, to be asked for after the payload was read; not always zeros. An archive may end
    /// among them, or before them, as `umoci insert` makes them: then they are fewer than `TarEntry.paddingSize`.
    public func padding() throws -> [UInt8] {
        precondition(payloadLeft == 0, "the payload comes before its padding")
        var bytes: [UInt8] = []
        let taken = try input.append(paddingLeft, to: &bytes)
        if taken < paddingLeft { ended = true }
        paddingLeft = 0
        return bytes
    }

    private func newGlobals(_ records: PaxRecords, _ offset: UInt64) throws -> PaxRecords {
        let all = records.over(globals)
        guard all.values.count <= TarReader.globalRecordsLimit, all.size <= TarReader.extendedHeaderLimit else {
            throw TarError.extendedHeader(
                reason: "global headers hold more than \(TarReader.globalRecordsLimit) records or \(TarReader.extendedHeaderLimit) bytes",
                offset: offset)
        }
        return all
    }

    private func skipPayload() throws {
        while try withPayload(atMost: Int.max, { _ in true }) != nil {}
        _ = try padding()
    }

    /// Hands out, after the last entry, what stands behind it to the input's end: the zero blocks and whatever follows them.
    public func withTail(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        precondition(ended, "the entries come before what follows them")
        try endBlocks.withUnsafeBytes { if !$0.isEmpty { try body($0) } }
        endBlocks = []
        while try input.withBytes(atMost: .max, body) != nil {}
    }

    // A zero block ends the archive when another one or nothing follows it.
    private func nextBlock(_ pending: inout PendingHeaders) throws -> TarBlock? {
        guard let block = try rawBlock() else { return nil }
        guard block.isZero else {
            try pending.append(block.bytes)
            return block
        }
        endBlocks = block.bytes
        let offset = input.offset
        guard let second = try rawBlock() else { return nil }
        guard second.isZero else { throw TarError.checksum(offset: offset) }
        endBlocks += second.bytes
        return nil
    }

    private func rawBlock() throws -> TarBlock? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(TarBlock.size)
        let taken = try input.append(TarBlock.size, to: &bytes)
        if taken == 0 { return nil }
        guard taken == TarBlock.size else { throw TarError.truncated(entry: nil, offset: input.offset) }
        return TarBlock(bytes: bytes)
    }

    private func extendedPayload(_ block: TarBlock, _ offset: UInt64, _ pending: inout PendingHeaders) throws -> ArraySlice<UInt8> {
        guard let size = block.number(124..<136), size >= 0 else {
            throw TarError.extendedHeader(reason: "its size is not possible", offset: offset)
        }
        guard size <= Int64(TarReader.extendedHeaderLimit) else {
            throw TarError.headerTooLarge(size: size, limit: TarReader.extendedHeaderLimit, offset: offset)
        }
        let padded = (Int(size) + TarBlock.size - 1) & ~(TarBlock.size - 1)
        var payload: [UInt8] = []
        guard try input.append(padded, to: &payload) == padded else {
            throw TarError.truncated(entry: nil, offset: input.offset)
        }
        try pending.append(payload)
        return payload.prefix(Int(size))
    }
}
