internal import FetchEngine
internal import Glibc

/// Reads: at once when the bytes are here, else from the thread that brings them.
enum FuseReads {
    static func read(_ request: FuseRequest, _ node: NodeID, offset: UInt64, size: Int) {
        request.withLayer(of: node) { layer in
            do throws(Errno) {
                let extent = try layer.locate(node: node.node, offset: offset, size: min(size, FuseSession.maximumRead))
                if layer.isPresent(extent) {
                    try answer(request, layer, extent)
                } else if let chunks = extent.chunks {
                    wait(for: chunks, request, node, layer, extent)
                }
            } catch {
                request.fail(error.code)
            }
        }
    }

    private static func answer(_ request: FuseRequest, _ layer: ServedLayer, _ extent: ServedLayer.Extent) throws(Errno) {
        let buffer = ThreadBuffer.bytes
        try layer.read(extent, into: buffer)
        request.reply(bytes: UnsafeRawBufferPointer(rebasing: buffer[0..<extent.size]))
    }

    private static func wait(
        for chunks: ClosedRange<Int>, _ request: FuseRequest, _ node: NodeID, _ layer: ServedLayer, _ extent: ServedLayer.Extent
    ) {
        // The slot is entered again for the time of waiting: the layer and the session stay until the answer is given.
        let server = request.server
        guard server.slots.enter(node.slot) != nil else { return request.fail(ENOENT) }
        layer.fetcher.demand(chunks, of: layer.layer) { result in
            defer { server.slots.leave(node.slot) }
            do throws(Errno) {
                guard case .success = result else { throw Errno(EIO) }
                try answer(request, layer, extent)
            } catch {
                request.fail(error.code)
            }
        }
    }
}
