/// Where everything goes: inodes with their inline data first, directory blocks behind them.
struct EROFSLayout {
    /// How a node's data is stored, beside its size.
    struct Placement {
        var offset: Int
        var layout: EROFSFormat.Layout
        /// First block of data outside the inode, for directories and long links; 0 for none.
        var block: UInt32 = 0
    }

    private(set) var placements: [Placement]
    /// Size of the image in blocks.
    private(set) var blocks: Int = 0

    init(_ tree: EROFSTree, _ plan: EROFSPlan) throws(EROFSError) {
        placements = []
        placements.reserveCapacity(tree.nodes.count)
        guard tree.contentSizes.count <= EROFSTree.maximumDevices else { throw .tooLarge("\(tree.contentSizes.count) content devices") }
        guard tree.contentSizes.allSatisfy({ $0 <= EROFSTree.maximumContent }) else { throw .tooLarge("a content device over 16 TiB") }
        // Block 0 holds the superblock and the device table, or its beginning.
        let tableEnd = (EROFSFormat.deviceSlot + tree.contentSizes.count) * EROFSFormat.deviceSlotSize
        var offset = max(EROFSFormat.blockSize, tableEnd)
        var outside: [(node: Int, size: Int)] = []
        for (index, node) in tree.nodes.enumerated() {
            let head = EROFSFormat.inodeSize + EROFSPlan.xattrSize(node)
            let data = EROFSLayout.dataSize(node, plan, index)
            var placement = Placement(offset: 0, layout: .flatPlain)
            var tail = 0
            if data > 0 {
                tail = data % EROFSFormat.blockSize
                // Inline data must end in the block in which it begins; a link is inline as a whole or not at all.
                if tail > 0, head + tail <= EROFSFormat.blockSize, !node.isLink || data == tail {
                    placement.layout = .flatInline
                } else {
                    tail = 0
                }
                if data > tail { outside.append((index, data - tail)) }
            } else if node.isRegular, node.size > 0 {
                placement.layout = .chunkBased
                tail = EROFSFormat.chunkIndexSize + (-head & 7)
            }
            offset = EROFSLayout.aligned(offset, EROFSFormat.nodeUnit)
            let room = EROFSFormat.blockSize - offset % EROFSFormat.blockSize
            // What fits into one block stays in one; inodes never straddle.
            let whole = head + tail
            if whole > room, whole <= EROFSFormat.blockSize || room < EROFSFormat.inodeSize {
                offset = EROFSLayout.aligned(offset, EROFSFormat.blockSize)
            }
            placement.offset = offset
            placements.append(placement)
            offset += whole
        }
        blocks = (offset + EROFSFormat.blockSize - 1) / EROFSFormat.blockSize
        for (node, size) in outside {
            placements[node].block = UInt32(truncatingIfNeeded: blocks)
            blocks += (size + EROFSFormat.blockSize - 1) / EROFSFormat.blockSize
        }
        guard blocks < Int(UInt32.max) else { throw .tooLarge("the image would have \(blocks) blocks") }
    }

    /// Number of the node at an index, as directories and FUSE use it.
    func nodeNumber(_ index: UInt32) -> UInt64 { UInt64(placements[Int(index)].offset / EROFSFormat.nodeUnit) }

    static func dataSize(_ node: EROFSTree.Node, _ plan: EROFSPlan, _ index: Int) -> Int {
        switch node.mode & 0o170000 {
        case 0o040000: plan.directorySize[index]
        case 0o120000: node.target.count
        default: 0
        }
    }

    static func aligned(_ offset: Int, _ unit: Int) -> Int { (offset + unit - 1) / unit * unit }
}
