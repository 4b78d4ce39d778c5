internal import Daemons
internal import Digests
internal import FoundationEssentials
internal import HostSystem
internal import OCI

/// A blob on its way into the content store, in an upload of its own name. It is open for one conversation at a time: between two of them
/// containerd keeps what it has.
actor ContentUpload: StagedUpload {
    /// Bytes of a piece.
    let pieceSize: Int64
    private let containerd: Containerd
    private var writer: ContentWriter
    private var sent: Int64 = 0
    private var hasBegun = false
    /// What containerd was asked for and does not have.
    private var absent: Digest?

    /// Of the budget, so much is a piece: containerd hashes what it has whenever an upload is gone on with, so there should be few.
    private static let piecesInBudget: Int64 = 8

    init(to containerd: Containerd, budget: DiskBudget) {
        self.containerd = containerd
        pieceSize = max(containerd.options.uploadPieceSize, (budget.limit ?? 0) / ContentUpload.piecesInBudget)
        writer = ContentWriter(descriptor: nil, labels: [:], metadata: containerd.metadata)
    }

    func claim(_ descriptor: Descriptor) async throws -> Bool {
        if try await containerd.claim(descriptor) { return true }
        absent = descriptor.digest
        return false
    }

    /// A conversation for the whole blob.
    func take(_ descriptor: Descriptor, from open: @escaping @Sendable () async throws -> any BlobStream) async throws -> Bool? {
        try await containerd.put(descriptor, labels: [:], from: open)
    }

    func sendPiece(of file: TemporaryFile) async throws -> PieceOutcome {
        let piece = sent..<sent + pieceSize
        guard piece.upperBound <= file.size else { return .wantsMore(pieceSize) }
        hasBegun = true
        do {
            try await writer.append(containerd.content) { offset, send in
                guard offset == piece.lowerBound else { throw ContentUpload.lost(offset, of: piece.lowerBound) }
                try await ContentUpload.send(file, piece, send)
            }
        } catch {
            throw ContainerdError.failed("store content", about: writer.reference, error)
        }
        sent = piece.upperBound
        return .taken(upTo: sent)
    }

    func finish(_ descriptor: Descriptor, _ file: TemporaryFile) async throws -> Bool {
        if absent != descriptor.digest, try await claim(descriptor) {
            await abandon()
            return true
        }
        // A commit of what another namespace has would leave what was sent.
        if hasBegun, try await isTakenOver(descriptor) {
            await abandon()
            return true
        }
        writer.descriptor = descriptor
        hasBegun = true
        return try await !containerd.store(writer) { [sent] offset, send in
            // Of a blob that another namespace has, containerd wants nothing but the commit.
            guard offset < descriptor.size else { return }
            guard offset == sent else { throw ContentUpload.lost(offset, of: sent) }
            try await ContentUpload.send(file, offset..<descriptor.size, send)
        }
    }

    /// Whether another namespace has the blob; then this one has it from now on.
    private func isTakenOver(_ descriptor: Descriptor) async throws -> Bool {
        struct Absent: Error {}
        let other = ContentWriter(descriptor: descriptor, labels: [:], metadata: containerd.metadata)
        do {
            _ = try await containerd.store(other) { offset, _ in
                guard offset == descriptor.size else { throw Absent() }
            }
            return true
        } catch is Absent {
            await containerd.abort(other)
            return false
        }
    }

    func abandon() async {
        if hasBegun { await containerd.abort(writer) }
        hasBegun = false
    }

    private static func lost(_ offset: Int64, of sent: Int64) -> LostBlobError {
        LostBlobError(reason: "containerd has \(offset) bytes of an upload that had \(sent)")
    }

    private static func send(_ file: TemporaryFile, _ range: Range<Int64>, _ send: (Data) async throws -> Void) async throws {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let wanted = Int(min(Int64(ContentWriter.messageSize), range.upperBound - offset))
            let bytes = try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
                count = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            }
            guard !bytes.isEmpty else { throw ContainerdError.interrupted("store content", about: file.content.path) }
            try await send(Data(bytes))
            offset += Int64(bytes.count)
        }
    }
}
