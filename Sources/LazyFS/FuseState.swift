internal import CFuse
internal import FetchEngine
internal import Glibc
internal import OCI
internal import TreeImage

/// The state directory `/.stargz-snapshotter/<layer digest>.json` of a tree: reached by path, in no listing (contracts.md 4).
enum FuseState {
    private static let directoryName: StaticString = ".stargz-snapshotter"
    private static let ending: StaticString = ".json"
    /// Bytes of a state file, always: filled up with spaces, so that its size is true whenever it is asked for.
    private static let fileSize = 1024

    /// Looks a name up in a tree's root, in the directory that stands for it, or in the state directory.
    static func lookup(_ request: FuseRequest, _ parent: NodeID, _ name: UnsafeRawBufferPointer, _ served: ServedTree) {
        guard parent.special == .stateDirectory else {
            let isState = directoryName.withUTF8Buffer { name.elementsEqual($0) }
            return isState ? request.reply(entry: NodeID(slot: parent.slot, .stateDirectory), .stateDirectory) : request.replyAbsent()
        }
        let text = String(decoding: name, as: UTF8.self)
        guard let index = served.layers.firstIndex(where: { text == "\($0.digest)\(ending)" }) else { return request.replyAbsent() }
        request.reply(entry: NodeID(slot: parent.slot, .layerState(index)), attributes(), attributesTimeout: 0)
    }

    static func getattr(_ request: FuseRequest, _ node: NodeID, _ index: Int, _ served: ServedTree) {
        guard served.layers.indices.contains(index) else { return request.fail(ENOENT) }
        request.reply(attributes: attributes(), of: node, timeout: 0)
    }

    static func read(_ request: FuseRequest, _ index: Int, _ served: ServedTree, offset: UInt64, size: Int) {
        guard served.layers.indices.contains(index) else { return request.fail(ENOENT) }
        guard let text = text(of: served.layers[index]) else { return request.fail(EIO) }
        text.dropFirst(Int(min(offset, UInt64(fileSize)))).prefix(size).withUnsafeBytes { request.reply(bytes: $0) }
    }

    // A changed time makes the kernel read again what it has cached of the file.
    private static func attributes() -> NodeAttributes {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return NodeAttributes(mode: 0o100444, size: UInt64(fileSize), modified: (Int64(now.tv_sec), UInt32(now.tv_nsec)))
    }

    private static func text(of layer: LazyLayer) -> [UInt8]? {
        guard let json = try? Documents.encode(LayerState(layer)), json.count < fileSize else { return nil }
        return json + [UInt8](repeating: UInt8(ascii: " "), count: fileSize - 1 - json.count) + [UInt8(ascii: "\n")]
    }
}

extension NodeAttributes {
    /// A content file: its bytes belong to files of any mode, so only root may look.
    static func content(size: UInt64) -> NodeAttributes { NodeAttributes(mode: 0o100400, size: size) }
    static let stateDirectory = NodeAttributes(mode: 0o040755, size: 0, linkCount: 2)
}
