internal import Glibc
internal import Synchronization
internal import TreeImage

/// The kernel's requests for nodes of the front.
enum FuseFront {
    /// The name may mean another node, or none, the next time.
    private static let noTime: Double = 0

    static func lookup(_ request: FuseRequest, _ parent: NodeID, _ name: UnsafePointer<CChar>) {
        later(request) { front, done in
            front.find(String(cString: name), in: parent == .root ? nil : parent.raw) { node in
                if let node {
                    request.reply(entry: NodeID(raw: node.number), attributes(node), attributesTimeout: noTime, entryTimeout: noTime)
                } else {
                    request.fail(ENOENT)
                }
                done()
            }
        }
    }

    static func getattr(_ request: FuseRequest, _ node: NodeID) {
        guard let found = request.server.front?.node(node.raw) else { return request.fail(ENOENT) }
        request.reply(attributes: attributes(found), of: node, timeout: noTime)
    }

    static func readlink(_ request: FuseRequest, _ node: NodeID) {
        guard case .link(let target)? = request.server.front?.node(node.raw)?.kind else { return request.fail(EINVAL) }
        Array(target.utf8).withUnsafeBytes { request.reply(bytes: $0) }
    }

    static func read(_ request: FuseRequest, _ node: NodeID, offset: UInt64, size: Int) {
        later(request) { front, done in
            front.read(node.raw, offset: offset, size: min(size, FuseSession.maximumRead)) { bytes in
                if let bytes { bytes.withUnsafeBytes { request.reply(bytes: $0) } } else { request.fail(EIO) }
                done()
            }
        }
    }

    static func create(_ request: FuseRequest, _ parent: NodeID, _ name: UnsafePointer<CChar>?) {
        tell(request, parent, name) { $0.create($1, in: $2, $3) }
    }

    static func remove(_ request: FuseRequest, _ parent: NodeID, _ name: UnsafePointer<CChar>?) {
        tell(request, parent, name) { $0.remove($1, from: $2, $3) }
    }

    /// Tells the front of what somebody wants to do to a name, which then is not there.
    private static func tell(
        _ request: FuseRequest, _ parent: NodeID, _ name: UnsafePointer<CChar>?,
        _ wish: (any MountFront, _ name: String, _ directory: UInt64, _ answer: @escaping @Sendable () -> Void) -> Void
    ) {
        guard let name, parent.isFront else { return request.fail(EROFS) }
        later(request) { front, done in
            wish(front, String(cString: name), parent.raw) {
                request.fail(ENOENT)
                done()
            }
        }
    }

    /// Hands a request to the front; until it has called `done`, the session stays.
    private static func later(_ request: FuseRequest, _ body: (any MountFront, _ done: @escaping @Sendable () -> Void) -> Void) {
        let server = request.server
        guard let front = server.front else { return request.fail(ENOENT) }
        server.frontRequests.add(1, ordering: .sequentiallyConsistent)
        body(front) { server.frontRequests.subtract(1, ordering: .sequentiallyConsistent) }
    }

    // For those who look after containers: what is below is a matter of theirs.
    private static func attributes(_ node: FrontNode) -> NodeAttributes {
        switch node.kind {
        case .directory: NodeAttributes(mode: 0o040500, size: 0, linkCount: 2)
        case .file(let size): NodeAttributes(mode: 0o100400, size: size)
        case .link(let target): NodeAttributes(mode: 0o120777, size: UInt64(target.utf8.count))
        }
    }
}
