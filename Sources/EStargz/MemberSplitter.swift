/// Cuts a tar stream into gzip members. Pure: bytes in, batches out.
///
/// Where members begin (eStargz specification, "The structure"): at the top of the blob and of every chunk of a regular file's
/// payload. Padding and the headers that follow stay in the chunk's member. Only a run of headers longer than `headerLimit` is
/// cut as well, so that memory stays bounded in a layer of a million empty files.
struct MemberSplitter {
    /// Header bytes after which a member ends: 1 MiB, two thousand plain headers, far beyond where compression gains.
    static let headerLimit = 1 << 20
    /// Uncompressed bytes that make a batch: 256 KiB, some milliseconds of compression, so that handing over costs nothing
    /// beside it and a small layer still keeps all threads busy.
    static let batchSize = 256 << 10

    private let emit: (MemberBatch) throws -> Void
    private var batch = MemberBatch()
    private var memberStart = 0
    private var chunk: MemberBatch.Chunk?
    private var entries: [TOCEntry] = []

    /// - Parameter emit: takes each batch, in order.
    init(emit: @escaping (MemberBatch) throws -> Void) { self.emit = emit }

    /// Adds header bytes and the TOC entry that they stand for, unless a chunk will carry it.
    mutating func header(_ bytes: [UInt8], entry: TOCEntry?) throws {
        if batch.bytes.count - memberStart - (chunk?.size ?? 0) + bytes.count > MemberSplitter.headerLimit { try closeMember() }
        batch.bytes.append(contentsOf: bytes)
        if let entry { entries.append(entry) }
    }

    /// Begins a member with a chunk, whose bytes must follow through `append`.
    mutating func begin(_ chunk: MemberBatch.Chunk) throws {
        try closeMember()
        if !batch.bytes.isEmpty, batch.bytes.count + chunk.size > MemberSplitter.batchSize { try emitBatch() }
        if batch.bytes.isEmpty { batch.bytes.reserveCapacity(max(chunk.size, MemberSplitter.batchSize) + 16 << 10) }
        self.chunk = chunk
    }

    /// Adds payload or padding.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        batch.bytes.append(contentsOf: bytes)
    }

    /// Ends the last member and batch.
    mutating func finish() throws {
        try closeMember()
        if !batch.members.isEmpty { try emitBatch() }
    }

    private mutating func closeMember() throws {
        guard batch.bytes.count > memberStart else { return }
        batch.members.append(MemberBatch.Member(range: memberStart..<batch.bytes.count, chunk: chunk, entries: entries))
        memberStart = batch.bytes.count
        chunk = nil
        entries = []
        if batch.bytes.count >= MemberSplitter.batchSize { try emitBatch() }
    }

    private mutating func emitBatch() throws {
        let full = batch
        batch = MemberBatch()
        memberStart = 0
        try emit(full)
    }
}
