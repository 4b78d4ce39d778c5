/// Cuts a tar stream into members. Pure: bytes in, batches out.
///
/// Where members begin (eStargz specification, "The structure"): at the top of the blob and of every chunk of a regular file's
/// payload. Padding and the headers that follow stay in the chunk's member. With a minimum size, chunks join the member before them
/// until it holds that much (`innerOffset`). Only a run of headers longer than `headerLimit` is cut as well, so that memory stays
/// bounded in a layer of a million empty files.
struct MemberSplitter {
    /// Header bytes after which a member ends: 1 MiB, two thousand plain headers, far beyond where compression gains.
    static let headerLimit = 1 << 20
    /// Uncompressed bytes that make a batch: 256 KiB, some milliseconds of compression, so that handing over costs nothing
    /// beside it and a small layer still keeps all threads busy.
    static let batchSize = 256 << 10

    /// Whether members that end from now on stand before the landmark.
    var isFront = false
    private let minimumMemberSize: Int
    private let emit: (MemberBatch) throws -> Void
    private var batch = MemberBatch()
    private var memberStart = 0
    private var items: [MemberBatch.Item] = []
    /// Header bytes since the member's beginning or its last chunk.
    private var headerBytes = 0

    /// - Parameters:
    ///   - minimumMemberSize: uncompressed bytes that a member holds before a chunk begins another.
    ///   - emit: takes each batch, in order.
    init(minimumMemberSize: Int = 0, emit: @escaping (MemberBatch) throws -> Void) {
        self.minimumMemberSize = minimumMemberSize
        self.emit = emit
    }

    /// Adds header bytes and the TOC entry that they stand for, unless a chunk will carry it.
    mutating func header(_ bytes: [UInt8], entry: TOCEntry?) throws {
        if headerBytes + bytes.count > MemberSplitter.headerLimit { try closeMember() }
        headerBytes += bytes.count
        batch.bytes.append(contentsOf: bytes)
        if let entry { items.append(.entry(entry)) }
    }

    /// Begins a chunk, whose bytes must follow through `append`.
    ///
    /// - Parameter isAlone: whether it must stand at the front of a member, however small the one before is.
    mutating func begin(_ chunk: MemberBatch.Chunk, isAlone: Bool = false) throws {
        if isAlone || batch.bytes.count - memberStart >= minimumMemberSize { try closeMember() }
        // A batch ends between members only.
        if memberStart == batch.bytes.count {
            if !batch.bytes.isEmpty, batch.bytes.count + chunk.size > MemberSplitter.batchSize { try emitBatch() }
            if batch.bytes.isEmpty { batch.bytes.reserveCapacity(max(chunk.size, MemberSplitter.batchSize) + 16 << 10) }
        }
        items.append(.chunk(chunk, innerOffset: batch.bytes.count - memberStart))
        headerBytes = 0
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
        batch.members.append(MemberBatch.Member(range: memberStart..<batch.bytes.count, items: items, isFront: isFront))
        memberStart = batch.bytes.count
        items = []
        headerBytes = 0
        if batch.bytes.count >= MemberSplitter.batchSize { try emitBatch() }
    }

    private mutating func emitBatch() throws {
        let full = batch
        batch = MemberBatch()
        memberStart = 0
        try emit(full)
    }
}
