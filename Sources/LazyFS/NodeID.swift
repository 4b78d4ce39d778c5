/// Identity of a file on the mount: which slot, and which EROFS node of its tree. A number that needs no table, so a restart loses none.
struct NodeID: Equatable, Sendable {
    let raw: UInt64

    /// The mount's own root, which lists nothing.
    static let root = NodeID(raw: 1)
    /// Bits of the EROFS node number: 2^40 slots of 32 bytes are a 32 TiB tree.
    private static let nodeBits: UInt64 = 40
    /// Node numbers from here on are no EROFS nodes: a tree of 32 TiB less 32 KiB has none of them.
    private static let firstSpecial: UInt64 = 1 << nodeBits - 1024

    init(raw: UInt64) { self.raw = raw }

    init(slot: Int, node: UInt64) {
        precondition(slot > 0 && node < 1 << NodeID.nodeBits, "slot \(slot) and node \(node) do not fit a node id")
        raw = UInt64(slot) << NodeID.nodeBits | node
    }

    /// Slot; 0 for the mount's root and for nodes of the front.
    var slot: Int { Int(raw >> NodeID.nodeBits) }
    /// Whether it is a node of the front (`MountFront`).
    @inline(__always)
    var isFront: Bool { raw >> NodeID.nodeBits == 0 && self != .root }
    /// EROFS node number within the slot's tree.
    var node: UInt64 { raw & (1 << NodeID.nodeBits - 1) }

    /// What is on the mount beside the files of trees.
    enum Special: Equatable {
        /// A layer's content file as a whole: a device for the kernel's EROFS.
        case content
        /// A directory that holds only the state directory: a lower directory of overlayfs.
        case stateRoot
        /// `.stargz-snapshotter`, which no listing shows.
        case stateDirectory
        /// The state of one layer of the slot's tree, by its index.
        case layerState(Int)
    }

    init(slot: Int, _ special: Special) {
        let number: UInt64 =
            switch special {
            case .content: 0
            case .stateRoot: 1
            case .stateDirectory: 2
            case .layerState(let index): 3 + UInt64(index)
            }
        self.init(slot: slot, node: NodeID.firstSpecial + number)
    }

    /// Nil for a file of a tree.
    @inline(__always)
    var special: Special? {
        guard node >= NodeID.firstSpecial else { return nil }
        switch node - NodeID.firstSpecial {
        case 0: return .content
        case 1: return .stateRoot
        case 2: return .stateDirectory
        case let number: return .layerState(Int(number) - 3)
        }
    }
}
