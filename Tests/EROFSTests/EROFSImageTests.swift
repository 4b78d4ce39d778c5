import Testing

@testable import EROFS

@Suite("EROFS images")
struct EROFSImageTests {
    private func withName<Result>(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try Array(name.utf8).withUnsafeBytes(body)
    }

    private func node(_ mode: UInt16) -> EROFSTree.Node { EROFSTree.Node(mode: mode) }

    private func link(_ node: EROFSTree.Node, _ name: String, in directory: Int = 0, of tree: inout EROFSTree) -> Int {
        let number = tree.append(node)
        withName(name) { tree.link(number, in: directory, name: $0) }
        return number
    }

    /// One node of every kind, with every attribute set.
    private func sample() throws -> EROFSTree {
        var tree = EROFSTree(root: node(0o041777))
        tree.contentSizes = [4096, 1 << 43]
        var file = node(0o104755)
        (file.uid, file.gid, file.size) = (1000, 70_000, 5_000_000_000)
        (file.contentOffset, file.contentDevice) = (1 << 40, 2)
        (file.mtimeSeconds, file.mtimeNanoseconds) = (-5, 999_999_999)
        let number = link(file, "file", of: &tree)
        let xattrs: [(name: [UInt8], value: [UInt8])] = [
            (Array("security.capability".utf8), [1, 0, 0, 2]), (Array("trusted.overlay.opaque".utf8), [0x79]),
            (Array("user.empty".utf8), []),
        ]
        try tree.setXattrs(xattrs, of: number)
        withName("other") { tree.link(number, in: 0, name: $0) }
        var device = node(0o020600)
        (device.deviceMajor, device.deviceMinor) = (0xfff, 0xfffff)
        _ = link(device, "device", of: &tree)
        tree.setTarget("target".utf8, of: link(node(0o120777), "short", of: &tree))
        tree.setTarget([UInt8](repeating: 0x61, count: 4095), of: link(node(0o120777), "long", of: &tree))
        let directory = link(node(0o040700), "directory", of: &tree)
        _ = link(node(0o010644), "fifo", in: directory, of: &tree)
        return tree
    }

    private func find(_ path: String, in image: EROFSImage) -> EROFSInode? {
        var inode = image.inode(image.root)
        for name in path.split(separator: "/") {
            guard let number = withName(String(name), { inode?.lookup($0) }) else { return nil }
            inode = image.inode(number)
        }
        return inode
    }

    @Test("what is written reads back, attribute for attribute")
    func roundTrip() throws {
        let bytes = try EROFSWriter.image(of: try sample())
        try bytes.withUnsafeBytes { bytes in
            let image = try EROFSImage(bytes)
            #expect(image.inodeCount == 7)
            let file = try #require(find("file", in: image))
            #expect((file.mode, file.uid, file.gid, file.linkCount, file.size) == (0o104755, 1000, 70_000, 2, 5_000_000_000))
            #expect(file.mtimeSeconds == -5 && file.mtimeNanoseconds == 999_999_999)
            #expect(file.contentOffset == 1 << 40 && file.contentDevice == 2)
            var xattrs: [String: [UInt8]] = [:]
            file.forEachXattr { prefix, suffix, value in
                xattrs["\(prefix)" + String(decoding: suffix, as: UTF8.self)] = Array(value)
                return true
            }
            #expect(xattrs == ["security.capability": [1, 0, 0, 2], "trusted.overlay.opaque": [0x79], "user.empty": []])
            let device = try #require(find("device", in: image)).device
            #expect(device.major == 0xfff && device.minor == 0xfffff)
            #expect(try #require(find("short", in: image)?.target).elementsEqual("target".utf8))
            #expect(find("long", in: image)?.target?.count == 4095)
            #expect(find("directory/fifo", in: image)?.mode == 0o010644)
            #expect(find("directory/none", in: image) == nil && find("file/x", in: image) == nil)
            #expect(find("other", in: image)?.size == 5_000_000_000)
        }
    }

    @Test("the same tree gives the same bytes")
    func deterministic() throws {
        #expect(try EROFSWriter.image(of: sample()) == EROFSWriter.image(of: sample()))
    }

    @Test("every name of a directory of many blocks is found and listed once, in order, also from any place on")
    func largeDirectory() throws {
        var tree = EROFSTree(root: node(0o040755))
        let names = (0..<5000).map { "name-\($0)" + String(repeating: "x", count: $0 % 200) }.shuffled()
        for name in names { _ = link(node(0o100644), name, of: &tree) }
        let bytes = try EROFSWriter.image(of: tree)
        try bytes.withUnsafeBytes { bytes in
            let image = try EROFSImage(bytes)
            let root = try #require(image.inode(image.root))
            for name in names { #expect(withName(name, root.lookup) != nil) }
            for absent in ["", "a", "name-", "name-5000", "zzz"] { #expect(withName(absent, root.lookup) == nil) }
            var seen: [String] = []
            var cookie: UInt64 = 0
            // Seven at a time: a listing goes on wherever the reader's buffer was full.
            while true {
                var count = 0
                #expect(
                    root.forEachEntry(from: cookie) { entry, next in
                        guard count < 7 else { return false }
                        seen.append(String(decoding: entry.name, as: UTF8.self))
                        count += 1
                        cookie = next
                        return true
                    })
                if count == 0 { break }
            }
            #expect(seen == (names + [".", ".."]).sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
        }
    }

    @Test("an image with any one byte changed, or cut anywhere, is read without a crash")
    func damaged() throws {
        let whole = try EROFSWriter.image(of: try sample())
        func walk(_ bytes: [UInt8]) {
            bytes.withUnsafeBytes { bytes in
                guard let image = try? EROFSImage(bytes) else { return }
                for number in 0..<UInt64(bytes.count / 32 + 2) {
                    guard let inode = image.inode(number) else { continue }
                    _ = (inode.target, inode.contentOffset, inode.contentDevice, inode.device)
                    _ = withName("directory", inode.lookup)
                    inode.forEachXattr { _, _, _ in true }
                    _ = inode.forEachEntry(from: 0) { _, _ in true }
                }
            }
        }
        // Everything of interest is in the first two blocks: superblock, inodes, inline data.
        for position in 1024..<min(whole.count, 8192) {
            for bit in [0x01, 0x80] as [UInt8] {
                var flipped = whole
                flipped[position] ^= bit
                walk(flipped)
            }
        }
        for length in stride(from: 0, to: whole.count, by: 97) { walk(Array(whole[..<length])) }
    }

    @Test(
        "files of as many content devices as layers can be stacked, and of the most, are found where they are",
        arguments: [0, 1, 23, 24, 512, 16_342])
    func devices(count: Int) throws {
        var tree = EROFSTree(root: node(0o040755))
        tree.contentSizes = (0..<count).map { UInt64($0) * 4096 + 1 }
        for device in 1...max(count, 1) {
            var file = node(0o100644)
            (file.size, file.contentDevice, file.contentOffset) = (1, UInt16(device), UInt64(device - 1) * 4096)
            _ = link(file, "file-\(device)", of: &tree)
        }
        let bytes = try EROFSWriter.image(of: tree)
        try bytes.withUnsafeBytes { bytes in
            let image = try EROFSImage(bytes)
            #expect(image.deviceCount == count)
            #expect(image.contentSize(ofDevice: 0) == nil && image.contentSize(ofDevice: count + 1) == nil)
            for device in [1, 2, 23, 24, 25, count] where device <= count && device > 0 {
                #expect(image.contentSize(ofDevice: device) == UInt64(device) * 4096)
                let file = try #require(find("file-\(device)", in: image))
                #expect(file.contentDevice == UInt16(device) && file.contentOffset == UInt64(device - 1) * 4096)
            }
            // A file of a device that is not in the table has no content.
            if count == 0 { #expect(find("file-1", in: image)?.contentOffset == nil) }
        }
    }

    @Test("names are counted: a file's, and a directory's subdirectories")
    func linkCounts() throws {
        let bytes = try EROFSWriter.image(of: sample())
        try bytes.withUnsafeBytes { bytes in
            let image = try EROFSImage(bytes)
            #expect(image.inode(image.root)?.linkCount == 3)
            #expect(find("file", in: image)?.linkCount == 2 && find("directory", in: image)?.linkCount == 2)
            #expect(find("directory/fifo", in: image)?.linkCount == 1)
        }
    }

    @Test("what the format cannot express is refused by name")
    func tooLarge() throws {
        var tree = EROFSTree(root: node(0o040755))
        #expect(throws: EROFSError.self) { try tree.setXattrs([(Array("system.nfs4_acl".utf8), [1])], of: 0) }
        let large = (0..<5).map { (name: Array("user.\($0)".utf8), value: [UInt8](repeating: 1, count: 65_535)) }
        #expect(throws: EROFSError.self) { try tree.setXattrs(large, of: 0) }
        for sizes in [[UInt64](repeating: 0, count: EROFSTree.maximumDevices + 1), [.max]] {
            var tree = EROFSTree(root: node(0o040755))
            tree.contentSizes = sizes
            #expect(throws: EROFSError.self) { try EROFSWriter.image(of: tree) }
        }
    }

    @Test("the checksum is CRC-32C without the final inversion")
    func checksum() {
        #expect(Array("123456789".utf8).withUnsafeBytes { CRC32C.checksum($0) } == ~0xe306_9283)
    }
}
