/// Turns a tree that was laid out into bytes.
struct EROFSEmitter {
    let tree: EROFSTree
    let plan: EROFSPlan
    let layout: EROFSLayout

    func image() -> [UInt8] {
        var image = [UInt8](repeating: 0, count: layout.blocks * EROFSFormat.blockSize)
        image.withUnsafeMutableBytes { bytes in
            for index in tree.nodes.indices {
                inode(index, bytes)
                xattrs(index, bytes)
                data(index, bytes)
            }
            deviceTable(bytes)
            superblock(bytes)
        }
        return image
    }

    private func superblock(_ bytes: UnsafeMutableRawBufferPointer) {
        let base = EROFSFormat.superOffset
        bytes.put(EROFSFormat.magic, base)
        bytes.put(EROFSFormat.compatibleFeatures, base + 8)
        bytes[base + 12] = EROFSFormat.blockBits
        bytes.put(UInt16(layout.nodeNumber(0)), base + 14)
        bytes.put(UInt64(tree.nodes.count), base + 16)
        bytes.put(UInt32(layout.blocks), base + 36)
        bytes.put(EROFSFormat.incompatibleFeatures, base + 80)
        bytes.put(UInt16(tree.contentSizes.count), base + 86)
        bytes.put(UInt16(EROFSFormat.deviceSlot), base + 88)
        // Over the rest of the block with the checksum field still zero.
        let sum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[base..<EROFSFormat.blockSize]))
        bytes.put(sum, base + 4)
    }

    // Slots in the order of the mount's device options. Each device also has a place in one address space behind the image, or nowhere when that
    // is full: never where the image is, so that a mount without devices fails to read files instead of showing parts of the image.
    private func deviceTable(_ bytes: UnsafeMutableRawBufferPointer) {
        var address = layout.blocks
        for (index, size) in tree.contentSizes.enumerated() {
            let base = (EROFSFormat.deviceSlot + index) * EROFSFormat.deviceSlotSize
            let blocks = Int((size + UInt64(EROFSFormat.blockSize) - 1) / UInt64(EROFSFormat.blockSize))
            bytes.put(UInt32(truncatingIfNeeded: blocks), base + 64)
            bytes.put(UInt32(min(address, Int(UInt32.max))), base + 68)
            address += blocks
        }
    }

    private func inode(_ index: Int, _ bytes: UnsafeMutableRawBufferPointer) {
        let node = tree.nodes[index]
        let placement = layout.placements[index]
        let base = placement.offset
        let xattrSize = EROFSPlan.xattrSize(node)
        // Bit 0: the 64-byte form.
        bytes.put(1 | placement.layout.rawValue << 1, base)
        bytes.put(UInt16(xattrSize == 0 ? 0 : (xattrSize - EROFSFormat.xattrHeaderSize) / 4 + 1), base + 2)
        bytes.put(node.mode, base + 4)
        bytes.put(node.isRegular ? node.size : UInt64(EROFSLayout.dataSize(node, plan, index)), base + 8)
        bytes.put(union(node, placement), base + 16)
        bytes.put(UInt32(index + 1), base + 20)
        bytes.put(node.uid, base + 24)
        bytes.put(node.gid, base + 28)
        bytes.put(UInt64(bitPattern: node.mtimeSeconds), base + 32)
        bytes.put(node.mtimeNanoseconds, base + 40)
        bytes.put(plan.linkCount[index], base + 44)
        if placement.layout == .chunkBased { chunkIndex(node, at: base + EROFSFormat.inodeSize + xattrSize, bytes) }
    }

    private func union(_ node: EROFSTree.Node, _ placement: EROFSLayout.Placement) -> UInt32 {
        switch node.mode & 0o170000 {
        case 0o020000, 0o060000:
            // The kernel's new_encode_dev: 8 low bits of the minor, 12 of the major, 12 high bits of the minor.
            return node.deviceMinor & 0xff | node.deviceMajor << 8 | (node.deviceMinor & ~0xff) << 12
        case 0o100000 where placement.layout == .chunkBased:
            return UInt32(EROFSFormat.chunkIndexes | UInt16(EROFSEmitter.chunkBits(node.size) - Int(EROFSFormat.blockBits)))
        default: return placement.block
        }
    }

    private func chunkIndex(_ node: EROFSTree.Node, at end: Int, _ bytes: UnsafeMutableRawBufferPointer) {
        let base = EROFSLayout.aligned(end, EROFSFormat.chunkIndexSize)
        bytes.put(node.contentDevice, base + 2)
        bytes.put(UInt32(truncatingIfNeeded: node.contentOffset >> UInt64(EROFSFormat.blockBits)), base + 4)
    }

    /// log2 of the smallest chunk, in bytes, that holds a whole file of this size.
    private static func chunkBits(_ size: UInt64) -> Int {
        max(Int(EROFSFormat.blockBits), min(64 - (size - 1).leadingZeroBitCount, EROFSFormat.largestChunkBits))
    }

    private func xattrs(_ index: Int, _ bytes: UnsafeMutableRawBufferPointer) {
        let base = layout.placements[index].offset + EROFSFormat.inodeSize + EROFSFormat.xattrHeaderSize
        bytes.copy(tree.attributes[tree.nodes[index].xattrs], base)
    }

    private func data(_ index: Int, _ bytes: UnsafeMutableRawBufferPointer) {
        let node = tree.nodes[index]
        let placement = layout.placements[index]
        let inline = placement.offset + EROFSFormat.inodeSize + EROFSPlan.xattrSize(node)
        let outside = Int(placement.block) * EROFSFormat.blockSize
        if node.isLink {
            return bytes.copy(tree.targets[node.target], placement.layout == .flatInline ? inline : outside)
        }
        var first = plan.directory[index].lowerBound
        let end = plan.directory[index].upperBound
        var block = 0
        while first < end {
            let next = plan.blockEnd(from: first, to: end)
            let isTail = placement.layout == .flatInline && next == end
            directoryBlock(first..<next, at: isTail ? inline : outside + block * EROFSFormat.blockSize, bytes)
            block += 1
            first = next
        }
    }

    private func directoryBlock(_ range: Range<Int>, at base: Int, _ bytes: UnsafeMutableRawBufferPointer) {
        var name = range.count * EROFSFormat.direntSize
        for (position, index) in range.enumerated() {
            let dirent = plan.dirents[index]
            let entry = base + position * EROFSFormat.direntSize
            bytes.put(layout.nodeNumber(dirent.node), entry)
            bytes.put(UInt16(name), entry + 8)
            bytes[entry + 10] = EROFSEmitter.kind(tree.nodes[Int(dirent.node)].mode)
            bytes.copy(tree.names[Int(dirent.nameStart)..<Int(dirent.nameStart) + Int(dirent.nameCount)], base + name)
            name += Int(dirent.nameCount)
        }
    }

    // Linux' generic on-disk file types (fs_types.h): 1 regular, 2 directory, 3 character, 4 block, 5 fifo, 6 socket, 7 link.
    private static func kind(_ mode: UInt16) -> UInt8 {
        switch mode & 0o170000 {
        case 0o100000: 1
        case 0o040000: 2
        case 0o020000: 3
        case 0o060000: 4
        case 0o010000: 5
        case 0o140000: 6
        case 0o120000: 7
        default: 0
        }
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func put<Value: FixedWidthInteger>(_ value: Value, _ offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }

    fileprivate func copy(_ source: ArraySlice<UInt8>, _ offset: Int) {
        guard !source.isEmpty else { return }
        UnsafeMutableRawBufferPointer(rebasing: self[offset..<offset + source.count]).copyBytes(from: source)
    }
}
