internal import Glibc
internal import HostSystem
internal import TreeImage

/// Extended attributes: size 0 asks how large the answer would be (getxattr(2)).
enum FuseXattrs {
    static func get(_ request: FuseRequest, _ node: NodeID, _ name: UnsafePointer<CChar>?, size: Int) {
        guard let name, node.slot != 0 else { return request.fail(ENODATA) }
        request.withTree(of: node) { served in
            let bytes = UnsafeRawBufferPointer(start: name, count: strlen(name))
            guard let value = served.tree.xattr(asStored(bytes), of: node.node) else { return request.fail(ENODATA) }
            if size == 0 { return request.reply(xattrSize: value.count) }
            guard value.count <= size else { return request.fail(ERANGE) }
            request.reply(bytes: value)
        }
    }

    /// In a user namespace overlayfs keeps its marks where it may write them, in `user.` in place of `trusted.` (mount option `userxattr`), and asks
    /// lower directories for the same.
    private static func asStored(_ name: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard UserNamespace.isNested, userMark.withUTF8Buffer({ name.elementsEqual($0) }) else { return name }
        return trustedMark.withUTF8Buffer { UnsafeRawBufferPointer($0) }
    }

    private static let userMark: StaticString = "user.overlay.opaque"
    private static let trustedMark: StaticString = "trusted.overlay.opaque"

    static func list(_ request: FuseRequest, _ node: NodeID, size: Int) {
        guard node.slot != 0 else { return size == 0 ? request.reply(xattrSize: 0) : request.reply(bytes: .init(start: nil, count: 0)) }
        request.withTree(of: node) { served in
            let buffer = ThreadBuffer.bytes
            var used = 0
            served.tree.forEachXattr(of: node.node) { prefix, name, _ in
                for part in [prefix, name] where used + part.count < buffer.count {
                    UnsafeMutableRawBufferPointer(rebasing: buffer[used...]).copyMemory(from: part)
                    used += part.count
                }
                buffer[used] = 0
                used += 1
            }
            if size == 0 { return request.reply(xattrSize: used) }
            guard used <= size else { return request.fail(ERANGE) }
            request.reply(bytes: UnsafeRawBufferPointer(rebasing: buffer[0..<used]))
        }
    }
}
