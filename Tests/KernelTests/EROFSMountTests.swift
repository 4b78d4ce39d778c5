import HostSystem
import TestSupport
import Testing

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
        try Mounts.mount(type: "erofs", source: tree, at: top, readOnly: true, options: "device=" + content)
        defer { try? Mounts.unmount(top) }
        let seen = try TreeListing(top).comparable()
        let differences = try seen.differences(from: UnpackedLayer().listing)
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
    }
}
