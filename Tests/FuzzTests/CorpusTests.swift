import FuzzSurfaces
import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("the fuzzers' corpora and findings")
struct CorpusTests {
    private static let root = Fixtures.package + "/testdata/fuzz"

    static let files: [(surface: String, file: String)] = Surface.all.flatMap { surface in
        let names = (try? Files.entries(root + "/" + surface.name)) ?? []
        return names.sorted().map { (surface.name, $0) }
    }

    @Test("every surface has seeds, and every folder of seeds has its surface")
    func complete() throws {
        let folders = try Files.entries(Self.root).filter { !$0.contains(".") }
        #expect(Set(folders) == Set(Surface.all.map(\.name)))
        for surface in Surface.all { #expect(Self.files.contains { $0.surface == surface.name }, "\(surface.name)") }
    }

    @Test("a seed or finding is refused or handled, and every promise is kept", arguments: files)
    func replay(surface: String, file: String) throws {
        let surface = try #require(Surface.all.first { $0.name == surface })
        try Fixtures.bytes("\(Self.root)/\(surface.name)/\(file)").withUnsafeBytes { try surface.run($0) }
    }

    @Test("nothing at all is refused by every surface", arguments: Surface.all.map(\.name))
    func empty(surface: String) throws {
        let surface = try #require(Surface.all.first { $0.name == surface })
        try surface.run(UnsafeRawBufferPointer(start: nil, count: 0))
    }
}
