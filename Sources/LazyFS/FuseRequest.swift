internal import CFuse
internal import Glibc
internal import Synchronization
internal import TreeImage

/// One request of the kernel, and the ways to answer it. May be answered from any thread, once.
struct FuseRequest: @unchecked Sendable {
    // Safety: libfuse lets a request be answered from any thread; that it is answered once is the caller's rule.
    private let raw: fuse_req_t?

    init(_ raw: fuse_req_t?) { self.raw = raw }

    /// A request that is counted.
    @inline(__always)
    init(_ raw: fuse_req_t?, _ kind: FuseRequestKind) {
        self.raw = raw
        guard let context = fuse_req_userdata(raw) else { return }
        Unmanaged<TreeServer>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.requests.add(kind) }
    }

    /// The server that the session was made with; it outlives the session. Not to be asked for after the answer, which frees the request.
    var server: TreeServer {
        guard let context = fuse_req_userdata(raw) else { fatalError("the FUSE session has no server") }
        return Unmanaged<TreeServer>.fromOpaque(context).takeUnretainedValue()
    }

    /// The node that a number means: the mount's root may stand for that of a tree.
    @inline(__always)
    func node(_ raw: UInt64) -> NodeID {
        raw == NodeID.root.raw ? NodeID(raw: server.shownRoot.load(ordering: .relaxed)) : NodeID(raw: raw)
    }

    /// The process that asks; 0 for one that this process cannot see. Not to be asked for after the answer.
    var process: Int32 { fuse_req_ctx(raw)?.pointee.pid ?? 0 }

    /// Runs `body` with what a node's slot serves, held meanwhile; answers ENOENT when it is gone.
    @inline(__always)
    func withTree(of node: NodeID, _ body: (ServedTree) -> Void) {
        guard let context = fuse_req_userdata(raw) else { return fail(EIO) }
        Unmanaged<TreeServer>.fromOpaque(context)._withUnsafeGuaranteedRef { server in
            guard let served = server.slots.enter(node.slot) else { return fail(ENOENT) }
            served._withUnsafeGuaranteedRef(body)
            server.slots.leave(node.slot)
        }
    }

    func fail(_ code: Int32) { fuse_reply_err(raw, code) }

    func reply(bytes: UnsafeRawBufferPointer) {
        fuse_reply_buf(raw, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }

    func reply(xattrSize: Int) { fuse_reply_xattr(raw, xattrSize) }

    func reply(statistics: statvfs) {
        var statistics = statistics
        fuse_reply_statfs(raw, &statistics)
    }

    func reply(
        entry node: NodeID, _ attributes: NodeAttributes, attributesTimeout: Double = FuseOperations.forever,
        entryTimeout: Double = FuseOperations.forever
    ) {
        var entry = FuseRequest.entry(node, attributes)
        entry.attr_timeout = attributesTimeout
        entry.entry_timeout = entryTimeout
        fuse_reply_entry(raw, &entry)
    }

    /// "There is no such name", to be remembered by the kernel.
    func replyAbsent() {
        var entry = fuse_entry_param()
        entry.entry_timeout = FuseOperations.forever
        fuse_reply_entry(raw, &entry)
    }

    func reply(attributes: NodeAttributes, of node: NodeID, timeout: Double = FuseOperations.forever) {
        var status = FuseRequest.status(node, attributes)
        fuse_reply_attr(raw, &status, timeout)
    }

    func replyRootAttributes() {
        var status = stat()
        status.st_ino = UInt(NodeID.root.raw)
        status.st_mode = S_IFDIR | 0o700
        status.st_nlink = 2
        fuse_reply_attr(raw, &status, FuseOperations.forever)
    }

    /// Appends a directory entry to a buffer; returns the bytes that it takes, more than `space` when it did not fit.
    func append(
        name: UnsafePointer<CChar>, _ node: NodeID, kind: UInt8, next: UInt64, to buffer: UnsafeMutableRawPointer?, space: Int
    ) -> Int {
        var status = stat()
        status.st_ino = UInt(node.raw)
        status.st_mode = mode_t(kind) << 12
        return fuse_add_direntry(raw, buffer?.assumingMemoryBound(to: CChar.self), space, name, &status, off_t(next))
    }

    /// Appends a directory entry with its attributes, as `append`.
    func append(
        name: UnsafePointer<CChar>, _ node: NodeID, _ attributes: NodeAttributes, next: UInt64, to buffer: UnsafeMutableRawPointer?,
        space: Int
    ) -> Int {
        var entry = FuseRequest.entry(node, attributes)
        return fuse_add_direntry_plus(raw, buffer?.assumingMemoryBound(to: CChar.self), space, name, &entry, off_t(next))
    }

    private static func entry(_ node: NodeID, _ attributes: NodeAttributes) -> fuse_entry_param {
        var entry = fuse_entry_param()
        entry.ino = node.raw
        entry.attr = status(node, attributes)
        entry.attr_timeout = FuseOperations.forever
        entry.entry_timeout = FuseOperations.forever
        return entry
    }

    private static func status(_ node: NodeID, _ attributes: NodeAttributes) -> stat {
        var status = stat()
        status.st_ino = UInt(node.raw)
        status.st_mode = mode_t(attributes.mode)
        status.st_nlink = nlink_t(attributes.linkCount)
        status.st_uid = attributes.uid
        status.st_gid = attributes.gid
        status.st_rdev = makeDevice(attributes.deviceMajor, attributes.deviceMinor)
        status.st_size = off_t(attributes.size)
        status.st_blksize = 4096
        status.st_blocks = blkcnt_t((attributes.size + 511) / 512)
        let time = timespec(tv_sec: Int(attributes.mtimeSeconds), tv_nsec: Int(attributes.mtimeNanoseconds))
        (status.st_mtim, status.st_ctim, status.st_atim) = (time, time, time)
        return status
    }

    // glibc's encoding of device numbers (sys/sysmacros.h): 12 and 20 bits of major, 8 and 24 of minor, interleaved.
    private static func makeDevice(_ major: UInt32, _ minor: UInt32) -> dev_t {
        let (major, minor) = (UInt(major), UInt(minor))
        let low: UInt = (major & 0xfff) << 8 | (minor & 0xff)
        let high: UInt = (major & ~0xfff) << 32 | (minor & ~0xff) << 12
        return low | high
    }
}
