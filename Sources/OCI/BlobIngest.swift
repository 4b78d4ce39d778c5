public import HostSystem
internal import Threads

/// A blob on its way to a destination, from somebody who learns its digest by writing it.
///
///     claim? ─no─▶ write, write, … ──▶ commit(descriptor)
///        └─yes─▶ over        └───────▶ abandon
///
/// An ingest ends with a claim that is granted, with `commit` or with `abandon`, which is harmless after the other two.
public protocol BlobIngest: AnyObject, Sendable {
    /// Whether a blob is at the destination, or has got there without its bytes; then nothing is to be written. Only before the first write.
    func claim(_ descriptor: Descriptor) async throws -> Bool
    /// Brings a whole blob from elsewhere, and ends with it.
    ///
    /// - Parameter open: gives the blob, which is verified at its end; only called when its bytes are wanted.
    /// - Returns: whether it was there before.
    /// - Throws: `LostBlobError` when it has to be brought once more.
    func take(_ descriptor: Descriptor, from open: @escaping @Sendable () async throws -> any BlobStream) async throws -> Bool
    /// Takes the next bytes. Blocks while the destination has to take earlier ones first, so it belongs on a thread that may wait; one
    /// thread at a time.
    ///
    /// - Throws: `LostBlobError` when the blob has to be written once more from its front.
    func write(_ bytes: UnsafeRawBufferPointer) throws
    /// Ends the blob, which its writer has hashed: it is at the destination afterwards.
    ///
    /// - Returns: whether it was there before.
    /// - Throws: `LostBlobError` when the blob has to be written once more from its front.
    func commit(_ descriptor: Descriptor) async throws -> Bool
    /// Makes a write that waits, and all later ones, fail soon. At any time, from any thread.
    func cancel()
    /// Gives the blob up, here and at the destination; also in a cancelled task. Not while a write is under way.
    func abandon() async
}

/// What a blob may cost on this machine while it is on its way.
public struct IngestTerms: Sendable {
    /// Directory for a temporary file, where the destination has no better place.
    public var directory: String
    /// How large that file may become.
    public var budget: DiskBudget
    /// Called when the budget cannot be kept, with the reason.
    public var onUnbounded: @Sendable (_ reason: String) -> Void

    /// Terms of one blob.
    public init(directory: String, budget: DiskBudget, onUnbounded: @escaping @Sendable (_ reason: String) -> Void = { _ in }) {
        self.directory = directory
        self.budget = budget
        self.onUnbounded = onUnbounded
    }
}

/// A destination has lost the front of a blob that it had taken, and it is not here any more either: the blob has to be written again.
public struct LostBlobError: Error, CustomStringConvertible {
    /// Who lost it, and how.
    public let reason: String

    /// Says why.
    public init(reason: String) { self.reason = reason }

    /// One line for the user.
    public var description: String { reason }
}

extension BlobIngest {
    /// Runs `body`, and gives the blob up unless it was committed.
    public func ending<Value: Sendable>(_ body: (any BlobIngest) async throws -> Value) async throws -> Value {
        do {
            let value = try await body(self)
            await abandon()
            return value
        } catch {
            await abandon()
            throw error
        }
    }

    /// Claims, writes and commits.
    public func take(
        _ descriptor: Descriptor, from open: @escaping @Sendable () async throws -> any BlobStream
    ) async throws -> Bool {
        try await bring(descriptor, from: open)
    }

    func bring(_ descriptor: Descriptor, from open: () async throws -> any BlobStream) async throws -> Bool {
        if try await claim(descriptor) { return true }
        let stream = try await open()
        defer { stream.cancel() }
        let cancel: @Sendable () -> Void = {
            stream.cancel()
            self.cancel()
        }
        try await BlockingTask.run(cancel: cancel) { try self.write(everythingOf: stream) }
        return try await commit(descriptor)
    }

    private func write(everythingOf stream: any BlobStream) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while case let count = try stream.read(into: buffer), count > 0 {
            try write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
