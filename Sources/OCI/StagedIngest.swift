public import HostSystem
internal import Synchronization
internal import Threads

/// The half of a `StagedIngest` that knows how a destination is spoken to. Calls follow one another.
public protocol StagedUpload: Sendable {
    /// Whether a blob is at the destination, or has got there without its bytes.
    func claim(_ descriptor: Descriptor) async throws -> Bool
    /// Brings a whole blob from elsewhere without a file, where that can be done; says whether it was there before. Nil where it cannot.
    func take(_ descriptor: Descriptor, from open: @escaping @Sendable () async throws -> any BlobStream) async throws -> Bool?
    /// Sends a piece from the front of what the destination does not have yet; begins the upload when it has not begun.
    func sendPiece(of file: TemporaryFile) async throws -> PieceOutcome
    /// Sends what is left and ends with the digest, unless the blob is there already; says whether it was.
    func finish(_ descriptor: Descriptor, _ file: TemporaryFile) async throws -> Bool
    /// Gives up what has begun; a failure has nobody to tell.
    func abandon() async
}

extension StagedUpload {
    /// No way of its own.
    public func take(
        _ descriptor: Descriptor, from open: @escaping @Sendable () async throws -> any BlobStream
    ) async throws -> Bool? { nil }
}

/// What became of a piece.
public enum PieceOutcome: Sendable {
    /// The destination has everything before that offset, for good.
    case taken(upTo: Int64)
    /// The destination wants at least so many bytes at once, and there are fewer.
    case wantsMore(Int64)
    /// The destination takes no pieces; it got nothing yet. With a line for the user.
    case refused(String)
}

/// A blob that waits in a temporary file until its digest is known, because then it may turn out to be at the destination already.
///
/// Only when the file would outgrow its budget the upload begins early: just as many pieces are sent from the front of the file as are
/// needed, the writer waits for them, and what the destination has is released.
///
///     write ─▶ [ released │ held, at most the budget ] ─▶ digest known: there already? upload given up : the rest is sent
///                   ▲ taken, for good
public final class StagedIngest: BlobIngest {
    private let upload: any StagedUpload
    private let terms: IngestTerms
    private let state: Mutex<State>

    private struct State {
        var file: TemporaryFile?
        /// Bytes that are held in any case.
        var least: Int64
        var isUnbounded = false
        var isCancelled = false
        var isOver = false
        /// Cancels the piece that is under way.
        var cancelPiece: (@Sendable () -> Void)?
    }

    /// Of a budget, left for what the file system rounds up at the file's ends and needs to find its blocks.
    private static let slack: Int64 = 64 << 10

    /// An ingest; nothing has begun.
    ///
    /// - Parameter pieceSize: of the upload, in bytes: so much is held in any case.
    public init(_ upload: any StagedUpload, pieceSize: Int64, terms: IngestTerms) {
        self.upload = upload
        self.terms = terms
        state = Mutex(State(least: StagedIngest.held(for: pieceSize)))
    }

    // Space is released in whole pages, and a piece may end within one.
    private static func held(for pieceSize: Int64) -> Int64 { pieceSize + TemporaryFile.pageSize }

    /// Asks the destination.
    public func claim(_ descriptor: Descriptor) async throws -> Bool {
        guard try await upload.claim(descriptor) else { return false }
        end()
        return true
    }

    /// Goes without the file where the destination can.
    public func take(
        _ descriptor: Descriptor, from open: @escaping @Sendable () async throws -> any BlobStream
    ) async throws -> Bool {
        guard let wasThere = try await upload.take(descriptor, from: open) else { return try await bring(descriptor, from: open) }
        end()
        return wasThere
    }

    /// Writes to the file, and sends from its front first while there is no room.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        let file = try file()
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Int(min(try room(in: file), Int64(rest.count)))
            try file.append(UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
    }

    private func file() throws -> TemporaryFile {
        try state.withLock { state in
            if let file = state.file { return file }
            let file = try TemporaryFile(in: terms.directory, budget: terms.budget)
            state.file = file
            return file
        }
    }

    /// How many bytes may be written now, at least one.
    private func room(in file: TemporaryFile) throws -> Int64 {
        while true {
            let (least, isUnbounded) = try state.withLock { state in
                if state.isCancelled { throw CancellationError() }
                return (state.least, state.isUnbounded)
            }
            guard let limit = terms.budget.limit, !isUnbounded else { return .max }
            let room = max(limit - StagedIngest.slack - terms.budget.held, least - file.held)
            if room > 0 { return room }
            try makeRoom(in: file)
        }
    }

    private func makeRoom(in file: TemporaryFile) throws {
        let outcome = try AwaitedTask.run(started: keep) { [upload] in try await upload.sendPiece(of: file) }
        state.withLock { $0.cancelPiece = nil }
        switch outcome {
        case .taken(let end):
            if !file.release(upTo: end) { giveUpBudget("the file system of \(terms.directory) cannot release parts of a file") }
        case .wantsMore(let size): state.withLock { $0.least = max($0.least, StagedIngest.held(for: size)) }
        case .refused(let reason): giveUpBudget(reason)
        }
    }

    private func keep(_ cancelPiece: @escaping @Sendable () -> Void) {
        let isCancelled = state.withLock { state in
            state.cancelPiece = cancelPiece
            return state.isCancelled
        }
        if isCancelled { cancelPiece() }
    }

    private func giveUpBudget(_ reason: String) {
        state.withLock { $0.isUnbounded = true }
        terms.onUnbounded(reason)
    }

    /// Asks whether the blob is there, and else sends what is left.
    public func commit(_ descriptor: Descriptor) async throws -> Bool {
        let file = try file()
        precondition(file.size == descriptor.size, "a descriptor of \(descriptor.size) bytes for \(file.size) that were written")
        let wasThere = try await upload.finish(descriptor, file)
        end()
        return wasThere
    }

    /// Ends the piece that is under way; everything after it fails.
    public func cancel() {
        let cancelPiece = state.withLock { state in
            state.isCancelled = true
            return state.cancelPiece
        }
        cancelPiece?()
    }

    /// Gives up what has begun.
    public func abandon() async {
        if end() { await Task { [upload] in await upload.abandon() }.value }
    }

    /// Lets the file go; whether this is the first end.
    @discardableResult
    private func end() -> Bool {
        state.withLock { state in
            defer { state.isOver = true }
            state.file = nil
            return !state.isOver
        }
    }
}
