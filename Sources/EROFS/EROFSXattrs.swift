extension EROFSInode {
    /// Calls `body` with each extended attribute: prefix, rest of the name, value; false stops.
    public func forEachXattr(_ body: (StaticString, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool) {
        forEachStoredXattr { prefix, suffix, value in body(prefix.name, suffix, value) }
    }

    /// Value of an extended attribute by its full name; nil when there is none.
    public func xattr(_ name: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var found: UnsafeRawBufferPointer?
        forEachStoredXattr { prefix, suffix, value in
            guard EROFSInode.isName(name, prefix.name, suffix) else { return true }
            found = value
            return false
        }
        return found
    }

    static func isName(_ name: UnsafeRawBufferPointer, _ prefix: StaticString, _ suffix: UnsafeRawBufferPointer) -> Bool {
        name.count == prefix.utf8CodeUnitCount + suffix.count && prefix.withUTF8Buffer { name.starts(with: $0) }
            && name.dropFirst(prefix.utf8CodeUnitCount).elementsEqual(suffix)
    }

    func forEachStoredXattr(_ body: (EROFSFormat.XattrPrefix, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool) {
        var position = offset + EROFSFormat.inodeSize + EROFSFormat.xattrHeaderSize
        let end = dataStart
        let bytes = image.bytes
        guard end <= bytes.count else { return }
        while position + EROFSFormat.xattrEntrySize <= end {
            let (name, value) = (Int(bytes[position]), Int(bytes.word16(position + 2)))
            let start = position + EROFSFormat.xattrEntrySize
            guard start + name + value <= end else { return }
            let index = bytes[position + 1]
            if let prefix = EROFSFormat.xattrPrefixes.first(where: { $0.index == index }) {
                let suffix = UnsafeRawBufferPointer(rebasing: bytes[start..<start + name])
                guard body(prefix, suffix, UnsafeRawBufferPointer(rebasing: bytes[start + name..<start + name + value])) else { return }
            }
            position = start + (name + value + 3) & ~3
        }
    }
}

extension EROFSTree {
    /// Adds a copy of an inode of an image: what stat(2) tells but the number of names, a link's target, extended attributes; its index.
    ///
    /// - Parameters:
    ///   - devicesBefore: content devices of this tree that come before the image's: device n of the image is n and as many here.
    ///   - name: an attribute that the copy has with this `value`, or for nil does not have, whatever the inode has.
    /// - Throws: `EROFSError.damaged` when the inode lacks what its type needs.
    public mutating func append(
        copying inode: EROFSInode, devicesBefore: Int, setting name: [UInt8], to value: [UInt8]?
    ) throws(EROFSError) -> Int {
        var node = Node(mode: inode.mode)
        (node.uid, node.gid) = (inode.uid, inode.gid)
        (node.mtimeSeconds, node.mtimeNanoseconds) = (inode.mtimeSeconds, inode.mtimeNanoseconds)
        if node.isRegular, inode.size > 0 {
            guard let offset = inode.contentOffset, let device = inode.contentDevice else { throw .damaged("a file has no content") }
            (node.size, node.contentOffset) = (inode.size, offset)
            node.contentDevice = device + UInt16(devicesBefore)
        }
        if node.isDevice { (node.deviceMajor, node.deviceMinor) = inode.device }
        let number = append(node)
        if node.isLink {
            guard let target = inode.target else { throw .damaged("a symbolic link has no target") }
            setTarget(target, of: number)
        }
        try copyXattrs(of: inode, to: number, setting: name, to: value)
        return number
    }

    private mutating func copyXattrs(of inode: EROFSInode, to node: Int, setting name: [UInt8], to value: [UInt8]?) throws(EROFSError) {
        guard inode.hasXattrs || value != nil else { return }
        let start = attributes.count
        name.withUnsafeBytes { name in
            inode.forEachStoredXattr { prefix, suffix, value in
                if !EROFSInode.isName(name, prefix.name, suffix) { appendXattr(prefix.index, suffix, value) }
                return true
            }
        }
        if let value { try appendXattr(name, value) }
        try giveXattrs(from: start, to: node)
    }
}
