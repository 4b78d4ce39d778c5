import Testing

@testable import HostSystem

@Suite("ids of an ordinary user's namespace")
struct SubordinateIDsTests {
    @Test("the user's lines count, by name or by number, and no others; what is no line is none")
    func lines() {
        let text = "other:100000:65536\nann:165536:65536\n1000:300000:10\nann:x:5\nann:5\n:1:1\nann:400000:0\n"
        let ids = SubordinateIDs(text, name: "ann", id: 1000)
        #expect(ids.ranges == [.init(first: 165_536, count: 65_536), .init(first: 300_000, count: 10)])
        #expect(SubordinateIDs(text, name: nil, id: 7).ranges.isEmpty)
    }

    @Test("the user becomes root, and the ranges follow each other from 1 on")
    func map() {
        let ids = SubordinateIDs("ann:165536:65536\nann:300000:10\n", name: "ann", id: 1000)
        #expect(ids.map(root: 1000) == [0, 1000, 1, 1, 165_536, 65_536, 65_537, 300_000, 10])
    }

    @Test(
        "an id is in a namespace when one of the lines of its map has it",
        arguments: [(0, true), (4, false), (5, true), (7, true), (8, false)])
    func has(id: UInt32, isThere: Bool) {
        #expect(UserNamespace.has(id, map: Array("         0       1000          1\n         5     100000          3\n".utf8)) == isThere)
    }
}
