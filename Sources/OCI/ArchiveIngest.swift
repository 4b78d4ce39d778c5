internal import HostSystem
internal import Synchronization
internal import Threads

/// A blob on its way into an archive: straight into it when its turn has come, else through a file beside it.
final class ArchiveIngest: BlobIngest {
    private let archive: ArchiveWriter
    private let place: Int
    private let budget: DiskBudget
    private let state = Mutex(State())

    private struct State {
        var written: Int64 = 0
        /// What was written before its turn came.
        var waiting: TemporaryFile?
        var isCancelled = false
        var isOver = false
    }

    init(into archive: ArchiveWriter, terms: IngestTerms) {
        self.archive = archive
        place = archive.open()
        budget = terms.budget
    }

    func claim(_ descriptor: Descriptor) async throws -> Bool {
        guard archive.has(descriptor.digest) else { return false }
        try await end(with: .nothing)
        return true
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        let (written, waiting) = try state.withLock { state in
            if state.isCancelled { throw CancellationError() }
            return (state.written, state.waiting)
        }
        if archive.isTurn(of: place) {
            if let waiting { try archive.copy(waiting) }
            state.withLock { $0.waiting = nil }
            try archive.write(bytes, at: written)
        } else {
            try append(bytes, to: waiting)
        }
        state.withLock { $0.written += Int64(bytes.count) }
    }

    private func append(_ bytes: UnsafeRawBufferPointer, to waiting: TemporaryFile?) throws(LayoutError) {
        try LayoutError.ofFile { () throws(HostError) in
            let file: TemporaryFile
            if let waiting { file = waiting } else { file = try TemporaryFile(in: archive.directory, budget: budget) }
            state.withLock { $0.waiting = file }
            try file.append(bytes)
        }
    }

    func commit(_ descriptor: Descriptor) async throws -> Bool {
        let (written, waiting) = state.withLock { ($0.written, $0.waiting) }
        guard written == descriptor.size else {
            throw LayoutError.mismatch(
                path: archive.path, digest: descriptor.digest, reason: "\(written) bytes instead of \(descriptor.size)")
        }
        let wasThere = archive.has(descriptor.digest)
        try await end(with: .blob(descriptor, waiting.map { .file($0) } ?? .written))
        return wasThere
    }

    func cancel() { state.withLock { $0.isCancelled = true } }

    func abandon() async {
        let isFirst = state.withLock { state in
            state.waiting = nil
            defer { state.isOver = true }
            return !state.isOver
        }
        if isFirst { archive.pass(place) }
    }

    // Gigabytes may have to be copied: nothing for one of Swift's threads.
    private func end(with blob: PlacedBlob) async throws {
        state.withLock { state in
            state.waiting = nil
            state.isOver = true
        }
        try await BlockingTask.run { [archive, place] in try archive.end(place, with: blob) }
    }
}
