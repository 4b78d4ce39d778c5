internal import FetchEngine
internal import Glibc
internal import Metrics
internal import StartTrace

/// Reads: at once when the bytes are here, else from the thread that brings them.
enum FuseReads {
    static func read(_ request: FuseRequest, _ node: NodeID, offset: UInt64, size: Int) {
        if node.isFront { return FuseFront.read(request, node, offset: offset, size: size) }
        let start = MonotonicClock.nanoseconds()
        request.withTree(of: node) { served in
            do throws(Errno) {
                let size = min(size, FuseSession.maximumRead)
                let extent: ServedTree.Extent
                switch node.special {
                case nil: extent = try served.locate(node: node.node, offset: offset, size: size)
                case .content: extent = try served.locateContent(offset: offset, size: size)
                case .layerState(let index): return FuseState.read(request, index, served, offset: offset, size: size)
                case .stateRoot, .stateDirectory: throw Errno(EISDIR)
                }
                served.recorder?.note(served.layers[extent.layer], extent.contentOffset..<extent.contentOffset + UInt64(extent.size))
                if served.isPresent(extent) {
                    try answer(request, served, extent)
                    served.layers[extent.layer].operations.countRead(since: start, bytes: extent.size)
                } else if let chunks = extent.chunks {
                    wait(for: chunks, request, node, served, extent, since: start)
                }
            } catch {
                request.fail(error.code)
            }
        }
    }

    private static func answer(_ request: FuseRequest, _ served: ServedTree, _ extent: ServedTree.Extent) throws(Errno) {
        let buffer = ThreadBuffer.bytes
        try served.read(extent, into: buffer)
        request.reply(bytes: UnsafeRawBufferPointer(rebasing: buffer[0..<extent.size]))
    }

    private static func wait(
        for chunks: ClosedRange<Int>, _ request: FuseRequest, _ node: NodeID, _ served: ServedTree, _ extent: ServedTree.Extent,
        since start: UInt64
    ) {
        // The slot is entered again for the time of waiting: the tree and the session stay until the answer is given.
        let server = request.server
        guard server.slots.enter(node.slot) != nil else { return request.fail(ENOENT) }
        server.missed(served.layers[extent.layer], at: extent.contentOffset, by: request.process)
        let place = ReadPlace(offset: extent.contentOffset, size: extent.size, process: request.process)
        served.fetcher.demand(chunks, of: served.layers[extent.layer], for: place) { result in
            defer { server.slots.leave(node.slot) }
            do throws(Errno) {
                guard case .success = result else { throw Errno(EIO) }
                let buffer = ThreadBuffer.bytes
                try served.readArrived(extent, into: buffer)
                request.reply(bytes: UnsafeRawBufferPointer(rebasing: buffer[0..<extent.size]))
                served.layers[extent.layer].operations.countRead(since: start, bytes: extent.size)
            } catch {
                request.fail(error.code)
            }
        }
    }
}
