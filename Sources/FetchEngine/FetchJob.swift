internal import ChunkStore
internal import Registry
internal import Synchronization
internal import TreeImage

/// One range request: a run of whole members of one layer, from asking to the last decoded chunk.
final class FetchJob: Sendable {
    let layer: LazyLayer
    let extent: ClosedRange<Int>
    let blobRange: Range<UInt64>
    /// Touched by the transport's thread only while the range streams.
    let assembler: Mutex<RangeAssembler>
    /// The transfer itself and every member handed to a decoder, each once; the job ends at zero.
    private let open = Atomic<Int>(1)
    private let transfer = Mutex<(transfer: (any CancellableTransfer)?, isCancelled: Bool)>((nil, false))

    init(layer: LazyLayer, extent: ClosedRange<Int>) {
        self.layer = layer
        self.extent = extent
        let map = layer.stored.chunks
        let last = map.chunk(extent.upperBound)
        blobRange = map.chunk(extent.lowerBound).blobOffset..<last.blobOffset + last.blobLength
        assembler = Mutex(RangeAssembler(map: map, extent: extent))
    }

    var size: UInt64 { blobRange.upperBound - blobRange.lowerBound }

    /// Keeps the transfer for `cancel`, which may have come before it.
    func started(_ started: any CancellableTransfer) {
        let isCancelled = transfer.withLock { transfer in
            transfer.transfer = started
            return transfer.isCancelled
        }
        if isCancelled { started.cancel() }
    }

    /// Gives the transfer up.
    func cancel() {
        let started = transfer.withLock { transfer in
            transfer.isCancelled = true
            return transfer.transfer
        }
        started?.cancel()
    }

    func memberOpened() { open.add(1, ordering: .relaxed) }

    /// Returns true when nothing of the job is left.
    func partClosed() -> Bool { open.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }
}
