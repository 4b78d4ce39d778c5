internal import CFuse
internal import ChunkStore
internal import FetchEngine
internal import Glibc
internal import TreeImage

/// Names in the mount's root are a slot's number: alone its tree, with these endings what else it shows.
enum SlotName {
    static let content = ".content"
    static let state = ".state"
}

/// libfuse's callbacks. Thin: each finds the slot's tree, asks it, and answers; every request is answered exactly once.
enum FuseOperations {
    /// Seconds that names and attributes stay valid: trees are immutable, so as long as the kernel likes.
    static let forever: Double = 365 * 86_400

    /// The table of operations for `fuse_session_new`.
    ///
    /// - Parameter hasFront: whether something stands beside the slots, which is told of what somebody wants to make or remove.
    static func table(hasFront: Bool) -> fuse_lowlevel_ops {
        var table = fuse_lowlevel_ops()
        table.`init` = { _, connection in
            if let connection { FuseOperations.configure(&connection.pointee) }
        }
        table.lookup = { request, parent, name in
            let request = FuseRequest(request, .lookup)
            FuseOperations.lookup(request, request.node(parent), name)
        }
        table.getattr = { request, node, _ in
            let request = FuseRequest(request, .getattr)
            FuseOperations.getattr(request, request.node(node))
        }
        table.readlink = { request, node in FuseOperations.readlink(FuseRequest(request, .readlink), NodeID(raw: node)) }
        table.read = { request, node, size, offset, _ in
            FuseReads.read(FuseRequest(request, .read), NodeID(raw: node), offset: UInt64(max(0, offset)), size: size)
        }
        table.readdir = { request, node, size, offset, _ in
            let request = FuseRequest(request, .readdir)
            FuseDirectories.list(request, request.node(node), from: UInt64(max(0, offset)), size: size, withAttributes: false)
        }
        table.readdirplus = { request, node, size, offset, _ in
            let request = FuseRequest(request, .readdirplus)
            FuseDirectories.list(request, request.node(node), from: UInt64(max(0, offset)), size: size, withAttributes: true)
        }
        table.getxattr = { request, node, name, size in
            let request = FuseRequest(request, .getxattr)
            FuseXattrs.get(request, request.node(node), name, size: size)
        }
        table.listxattr = { request, node, size in
            let request = FuseRequest(request, .listxattr)
            FuseXattrs.list(request, request.node(node), size: size)
        }
        table.statfs = { request, node in
            let request = FuseRequest(request, .statfs)
            FuseOperations.statfs(request, request.node(node))
        }
        // "Not implemented" tells the kernel that no open is needed, ever: reads then go straight to the page cache.
        table.open = { request, _, _ in FuseRequest(request).fail(ENOSYS) }
        table.opendir = { request, _, _ in FuseRequest(request).fail(ENOSYS) }
        // Node ids are numbers without state behind them: there is nothing to forget.
        table.forget = { request, _, _ in fuse_reply_none(request) }
        table.forget_multi = { request, _, _ in fuse_reply_none(request) }
        guard hasFront else { return table }
        table.create = { request, parent, name, _, _ in FuseFront.create(FuseRequest(request), NodeID(raw: parent), name) }
        table.rmdir = { request, parent, name in FuseFront.remove(FuseRequest(request), NodeID(raw: parent), name) }
        return table
    }

    private static func configure(_ connection: inout fuse_conn_info) {
        let wanted =
            FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_READDIRPLUS | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ | FUSE_CAP_NO_OPEN_SUPPORT
            | FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_EXPORT_SUPPORT
        connection.want |= UInt32(wanted) & connection.capable
        // The automatic mode asks for attributes only sometimes, and a walk then pays a request per file.
        connection.want &= ~UInt32(FUSE_CAP_READDIRPLUS_AUTO)
        connection.max_read = UInt32(FuseSession.maximumRead)
        connection.max_write = UInt32(FuseSession.maximumRead)
        connection.max_readahead = UInt32(FuseSession.maximumRead)
    }

    private static func lookup(_ request: FuseRequest, _ parent: NodeID, _ name: UnsafePointer<CChar>?) {
        guard let name else { return request.fail(EINVAL) }
        if parent.isFront { return FuseFront.lookup(request, parent, name) }
        if parent == .root { return lookupSlot(request, name) }
        request.withTree(of: parent) { served in
            let bytes = UnsafeRawBufferPointer(start: name, count: strlen(name))
            if parent.special != nil { return FuseState.lookup(request, parent, bytes, served) }
            guard let node = served.tree.lookup(bytes, in: parent.node), let attributes = served.tree.attributes(of: node) else {
                if parent.node == served.tree.root { return FuseState.lookup(request, parent, bytes, served) }
                // A name that is not there will never be: the kernel may remember that.
                return request.replyAbsent()
            }
            request.reply(entry: NodeID(slot: parent.slot, node: node), attributes)
        }
    }

    private static func lookupSlot(_ request: FuseRequest, _ name: UnsafePointer<CChar>) {
        var end: UnsafeMutablePointer<CChar>?
        let slot = strtol(name, &end, 10)
        guard slot > 0, slot < SlotTable.capacity, let end, isSlotEnding(end) else { return FuseFront.lookup(request, .root, name) }
        request.withTree(of: NodeID(slot: slot, node: 0)) { served in
            if strcmp(end, SlotName.content) == 0 {
                guard let size = served.contentSize else { return request.fail(ENOENT) }
                return request.reply(entry: NodeID(slot: slot, .content), .content(size: size))
            }
            if strcmp(end, SlotName.state) == 0 { return request.reply(entry: NodeID(slot: slot, .stateRoot), .stateDirectory) }
            let root = served.tree.root
            guard end.pointee == 0, let attributes = served.tree.attributes(of: root) else { return request.fail(ENOENT) }
            request.reply(entry: NodeID(slot: slot, node: root), attributes)
        }
    }

    // Other names may begin with a digit, too.
    private static func isSlotEnding(_ end: UnsafePointer<CChar>) -> Bool {
        end.pointee == 0 || strcmp(end, SlotName.content) == 0 || strcmp(end, SlotName.state) == 0
    }

    private static func getattr(_ request: FuseRequest, _ node: NodeID) {
        if node == .root { return request.replyRootAttributes() }
        if node.isFront { return FuseFront.getattr(request, node) }
        request.withTree(of: node) { served in
            switch node.special {
            case nil:
                guard let attributes = served.tree.attributes(of: node.node) else { return request.fail(ENOENT) }
                request.reply(attributes: attributes, of: node)
            case .content:
                guard let size = served.contentSize else { return request.fail(ENOENT) }
                request.reply(attributes: .content(size: size), of: node)
            case .stateRoot, .stateDirectory: request.reply(attributes: .stateDirectory, of: node)
            case .layerState(let index): FuseState.getattr(request, node, index, served)
            }
        }
    }

    private static func readlink(_ request: FuseRequest, _ node: NodeID) {
        if node.isFront { return FuseFront.readlink(request, node) }
        request.withTree(of: node) { served in
            guard let target = served.tree.readLink(node.node) else { return request.fail(EINVAL) }
            request.reply(bytes: target)
        }
    }

    private static func statfs(_ request: FuseRequest, _ node: NodeID) {
        var answer = statvfs()
        answer.f_bsize = 4096
        answer.f_frsize = 4096
        answer.f_namemax = 255
        guard node.slot != 0 else { return request.reply(statistics: answer) }
        request.withTree(of: node) { served in
            answer.f_blocks = fsblkcnt_t(served.layers.reduce(0) { $0 + $1.stored.chunks.contentSize } / 4096)
            answer.f_files = fsfilcnt_t(served.tree.inodeCount)
            request.reply(statistics: answer)
        }
    }
}
