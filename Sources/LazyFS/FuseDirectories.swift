internal import FetchEngine
internal import Glibc
internal import Metrics
internal import TreeImage

/// Directory listings, with and without attributes.
enum FuseDirectories {
    static func list(_ request: FuseRequest, _ node: NodeID, from cookie: UInt64, size: Int, withAttributes: Bool) {
        // Slots, the front and the state of layers are reached by name; listing them would only invite walks over every layer of the machine.
        if node.slot == 0 || node.special != nil { return request.reply(bytes: UnsafeRawBufferPointer(start: nil, count: 0)) }
        let start = MonotonicClock.nanoseconds()
        request.withTree(of: node) { served in
            let buffer = ThreadBuffer.bytes
            let space = min(size, buffer.count)
            var used = 0
            let listed = served.tree.forEachEntry(in: node.node, from: cookie) { name, child, kind, next in
                withName(name) { name in
                    let id = NodeID(slot: node.slot, node: child)
                    let room = buffer.baseAddress?.advanced(by: used)
                    let taken: Int
                    if withAttributes {
                        guard let attributes = served.tree.attributes(of: child) else { return true }
                        taken = request.append(name: name, id, attributes, next: next, to: room, space: space - used)
                    } else {
                        taken = request.append(name: name, id, kind: kind, next: next, to: room, space: space - used)
                    }
                    guard taken <= space - used else { return false }
                    used += taken
                    return true
                }
            }
            guard listed else { return request.fail(ENOTDIR) }
            request.reply(bytes: UnsafeRawBufferPointer(rebasing: buffer[0..<used]))
            served.layers.last?.operations.readdir.count(since: start)
        }
    }

    // libfuse wants names that end in a zero byte, EROFS stores them without: 255 bytes and one, on the stack.
    private static func withName(_ name: UnsafeRawBufferPointer, _ body: (UnsafePointer<CChar>) -> Bool) -> Bool {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { copy in
            let count = min(name.count, 255)
            UnsafeMutableRawBufferPointer(copy).copyMemory(from: UnsafeRawBufferPointer(rebasing: name[0..<count]))
            copy[count] = 0
            guard let start = copy.baseAddress else { return true }
            return body(start)
        }
    }
}
