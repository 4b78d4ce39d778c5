/// Identity of a file on the mount: which layer's slot, and which EROFS node in it. A number that needs no table, so a restart loses none.
struct NodeID: Equatable, Sendable {
    let raw: UInt64

    /// The mount's own root, which lists the slots.
    static let root = NodeID(raw: 1)
    /// Bits of the EROFS node number: 2^40 slots of 32 bytes are a 32 TiB tree.
    private static let nodeBits: UInt64 = 40

    init(raw: UInt64) { self.raw = raw }

    init(slot: Int, node: UInt64) {
        precondition(slot > 0 && node < 1 << NodeID.nodeBits, "slot \(slot) and node \(node) do not fit a node id")
        raw = UInt64(slot) << NodeID.nodeBits | node
    }

    /// Slot of the layer; 0 for the mount's root.
    var slot: Int { Int(raw >> NodeID.nodeBits) }
    /// EROFS node number within the layer.
    var node: UInt64 { raw & (1 << NodeID.nodeBits - 1) }
}
