internal import Threads

/// Takes batches in order, waits for each one's result and writes it: the one place that knows offsets, and so builds the TOC.
///
/// Runs on a thread of its own. After a failure it goes on taking batches without writing them, so that the pool's memory is
/// given back and whoever brings batches can find out.
final class OrderedMemberWriter: Sendable {
    private struct Queue {
        var batches: [(batch: MemberBatch, ticket: MemberPool.Ticket)] = []
        var isClosed = false
        var failure: (any Error)?
        var layer: EStargzLayer?
    }

    private let queue = Monitor(Queue())
    private let pool: MemberPool
    private let format: LayerFormat
    private let output: any BlobOutput

    init(pool: MemberPool, format: LayerFormat, output: any BlobOutput) {
        self.pool = pool
        self.format = format
        self.output = output
    }

    /// Takes the next batch.
    ///
    /// - Throws: what the output threw for an earlier one.
    func append(_ batch: MemberBatch) throws {
        let ticket = pool.submit(batch)
        try queue.update { queue in
            queue.batches.append((batch, ticket))
            if let failure = queue.failure { throw failure }
        }
    }

    /// Says that no batch follows; with an error, the layer is given up.
    func close(failure: (any Error)? = nil) {
        queue.update { queue in
            queue.isClosed = true
            queue.failure = queue.failure ?? failure
        }
    }

    /// The layer, once the thread has ended.
    func result() throws -> EStargzLayer {
        try queue.update { queue in
            if let failure = queue.failure { throw failure }
            guard let layer = queue.layer else { throw EStargzWriterError.cancelled }
            return layer
        }
    }

    /// The thread's work: returns when `close` was called and everything is written or given up.
    func run() {
        var blob = LayerBlob(output: output)
        while let (batch, ticket, isGivenUp) = next() {
            if !isGivenUp { blob.hashContent(batch) }
            let compressed = ticket.wait { $0.take() }
            if !isGivenUp { attempt { try blob.write(batch, compressed) } }
            pool.release(byteCount: batch.bytes.count)
        }
        guard queue.update({ $0.failure == nil }) else { return }
        attempt {
            let layer = try blob.finish(format, level: pool.level)
            queue.update { $0.layer = layer }
        }
    }

    private func next() -> (MemberBatch, MemberPool.Ticket, isGivenUp: Bool)? {
        queue.wait { (queue: inout Queue) -> (MemberBatch, MemberPool.Ticket, isGivenUp: Bool)?? in
            guard !queue.batches.isEmpty else { return queue.isClosed ? .some(nil) : nil }
            let (batch, ticket) = queue.batches.removeFirst()
            return .some((batch, ticket, queue.failure != nil))
        }
    }

    private func attempt(_ work: () throws -> Void) {
        do {
            try work()
        } catch {
            queue.update { $0.failure = $0.failure ?? error }
        }
    }
}
