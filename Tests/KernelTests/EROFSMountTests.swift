import Glibc
import HostSystem
import TestSupport
import Testing
import TreeImage

@Suite("compiled trees in the kernel", .serialized)
struct EROFSMountTests {
    @Test("fsck.erofs accepts the tree and the kernel shows the unpacked layer, contents too", arguments: CompiledFixture.variants.indices)
    func mounted(variant: Int) throws {
        try requireRoot()
        let directory = try TemporaryDirectory()
        let fixture = try CompiledFixture(CompiledFixture.variants[variant])
        try fixture.materialize(in: directory.path)
        let (tree, content, top) = (directory.path + "/tree.erofs", directory.path + "/content", directory.path + "/mnt")
        let check = try Program.run("/usr/bin/fsck.erofs", ["--device=" + content, tree])
        #expect(check.status == 0, "\(check.outputText) \(check.errorText)")
        try Files.makeDirectories(top)
        try EROFSMount(image: tree, devices: [content]).mount(at: top)
        defer { try? Mounts.unmount(top) }
        let seen = try TreeListing(top).comparable()
        let differences = try seen.differences(from: UnpackedLayer().listing)
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
    }

    @Test("without its content file a tree is listed, and reading a file is an error")
    func withoutContent() throws {
        try requireRoot()
        let chain = try CompiledChain(RandomChain(seed: 3, layers: 1))
        let top = chain.directory.path + "/mount"
        try Files.makeDirectories(top)
        try Mounts.mount(type: "erofs", source: chain.tree(0), at: top, readOnly: true)
        defer { try? Mounts.unmount(top) }
        let path = try #require(
            RandomChain(seed: 3, layers: 1).layers[0].first { if case .file(let bytes) = $0.item { !bytes.isEmpty } else { false } }?.path)
        let error = #expect(throws: HostError.self) { try Files.read(top + "/" + path, limit: 1 << 20) }
        #expect(error?.code == EIO)
    }
}

/// Mounts of a chain's layers, together and one by one; all unmounted with `end`.
private struct ChainMounts {
    let chain: CompiledChain

    init(_ chain: RandomChain) throws {
        try requireRoot()
        self.chain = try CompiledChain(chain)
    }

    func end() throws { try Mounts.unmountAll(below: chain.directory.path) }

    private func directory(_ name: String) throws -> String {
        let path = chain.directory.path + "/mounts/" + name
        try Files.makeDirectories(path)
        return path
    }

    /// One EROFS mount of several layers.
    func merged(_ layers: Range<Int>, keepsWhiteouts: Bool = false) throws -> String {
        let top = try directory("\(layers)")
        let image = try chain.merge(layers, keepsWhiteouts: keepsWhiteouts)
        try EROFSMount(image: image, devices: layers.map(chain.content)).mount(at: top)
        return top
    }

    /// One EROFS mount of one layer.
    func layer(_ index: Int) throws -> String {
        let top = try directory("\(index)")
        try EROFSMount(image: chain.tree(index), devices: [chain.content(index)]).mount(at: top)
        return top
    }

    /// An overlay of some mounts, the topmost first.
    func overlay(_ lowers: [String]) throws -> String {
        let top = try directory("overlay-\(lowers.count)")
        // overlayfs wants two lower directories where there is no upper one.
        try OverlayMount(lowerDirectories: lowers + [directory("empty")]).mount(at: top)
        return top
    }

    /// What can be found in a tree. overlayfs lists whiteouts in directories that only one layer has, and then does not find them.
    func listing(_ top: String) throws -> TreeListing {
        var listing = try TreeListing(top) { Files.exists(top + "/" + $0) }
        // overlayfs counts a file's names in the layer and not those that can be seen; the merged tree's are looked at below.
        for path in listing.files.keys { listing.files[path]?.links = 0 }
        return listing
    }
}

@Suite("merged chains in the kernel", .serialized)
struct MergedChainMountTests {
    @Test("a merged chain is what overlayfs makes of its layers: names, attributes, contents", arguments: [1, 2, 3, 5, 8, 128])
    func merged(layers: Int) throws {
        let mounts = try ChainMounts(RandomChain(seed: UInt64(layers), layers: layers))
        defer { try? mounts.end() }
        let merged = try mounts.merged(0..<layers)
        let overlay = try mounts.overlay((0..<layers).reversed().map(mounts.layer))
        let differences = try mounts.listing(merged).differences(from: mounts.listing(overlay))
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
        try expectNamesCounted(merged)
    }

    @Test("a part of a chain with its whiteouts, stacked on the part below it, is the whole chain", arguments: 10..<16)
    func parts(seed: UInt64) throws {
        let mounts = try ChainMounts(RandomChain(seed: seed, layers: 6))
        defer { try? mounts.end() }
        let parts = try mounts.overlay([
            mounts.merged(4..<6, keepsWhiteouts: true), mounts.merged(3..<4, keepsWhiteouts: true), mounts.merged(0..<3),
        ])
        let whole = try mounts.overlay((0..<6).reversed().map(mounts.layer))
        let differences = try mounts.listing(parts).differences(from: mounts.listing(whole))
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
    }

    @Test("fsck.erofs reads every file of a merged chain through its content files, and dump.erofs knows them", arguments: [3, 40])
    func tools(layers: Int) throws {
        let chain = try CompiledChain(RandomChain(seed: 77, layers: layers))
        let image = try chain.merge(0..<layers)
        let devices = (0..<layers).map { "--device=" + chain.content($0) }
        let check = try Program.run("/usr/bin/fsck.erofs", devices + ["--extract", image])
        #expect(check.status == 0, "\(check.outputText) \(check.errorText)")
        let dump = try Program.run("/usr/bin/dump.erofs", ["-s"] + devices + [image])
        #expect(dump.status == 0, "\(dump.outputText) \(dump.errorText)")
    }

    /// Every file's link count is the number of its names.
    private func expectNamesCounted(_ top: String) throws {
        var names: [UInt64: (count: UInt64, said: UInt64)] = [:]
        for path in try TreeListing(top).files.keys {
            var facts = stat()
            guard lstat(top + "/" + path, &facts) == 0, facts.st_mode & S_IFMT != S_IFDIR else { continue }
            names[UInt64(facts.st_ino), default: (0, UInt64(facts.st_nlink))].count += 1
        }
        #expect(names.values.allSatisfy { $0.count == $0.said })
    }
}
