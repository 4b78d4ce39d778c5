import Testing

@testable import HostSystem

@Suite struct UserNamespaceTests {
    @Test(
        "the initial user namespace is told from others by its map",
        arguments: [
            ("         0          0 4294967295\n", false), ("0 1000 1\n", true), ("0 0 65536\n", true), ("", false),
            ("0 1000 1\n1 100000 65536\n", true),
        ])
    func namespaces(map: String, isNested: Bool) {
        #expect(UserNamespace.isNested(uidMap: Array(map.utf8)) == isNested)
    }

    @Test(
        "maps of ids are read as containerd writes them, and nothing else is",
        arguments: [
            ("0:100000:65536", "0 100000 65536\n"), ("0:1000:1,1:100000:65536", "0 1000 1\n1 100000 65536\n"), ("", nil), ("0:1", nil),
            ("0:1:0", nil), ("0:-1:5", nil), ("0:1:2:3", nil), ("0:1:2,", nil), ("0:4294967296:1", nil), ("a:b:c", nil),
        ])
    func maps(text: String, kernelText: String?) {
        #expect(IDMap(parsing: text)?.kernelText == kernelText)
    }

    @Test("an id inside is the host's at the same place of its extent")
    func hostIDs() throws {
        let map = try #require(IDMap(parsing: "0:1000:1,1:100000:65535,4000000000:4294967295:2"))
        #expect(map.host(0) == 1000 && map.host(1) == 100_000 && map.host(65_535) == 165_534)
        #expect(map.host(65_536) == nil && map.host(4_000_000_000) == 4_294_967_295 && map.host(4_000_000_001) == nil)
    }
}
