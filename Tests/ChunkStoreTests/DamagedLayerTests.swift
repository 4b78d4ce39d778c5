import Digests
import Glibc
import HostSystem
import OCI
import Testing
import TreeImage

@testable import ChunkStore

@Suite("damaged layers of the store")
struct DamagedLayerTests {
    private static let files = ["tree.erofs", "chunks", "present", "layer.json", "content"]

    /// What a full disk, a power cut, a file system check or a wrong hand leaves of a file.
    enum Damage: CaseIterable, Sendable {
        case missing, empty, oneByte, half, oneByteShort, oneByteLong, oneBlockLong

        func apply(to path: String) throws {
            let bytes = try Files.read(path, limit: 1 << 20)
            switch self {
            case .missing: try Files.remove(path)
            case .empty: try AtomicFile.write([], to: path)
            case .oneByte: try AtomicFile.write(Array(bytes.prefix(1)), to: path)
            case .half: try AtomicFile.write(Array(bytes.prefix(bytes.count / 2)), to: path)
            case .oneByteShort: try AtomicFile.write(Array(bytes.dropLast()), to: path)
            case .oneByteLong: try AtomicFile.write(bytes + [0], to: path)
            case .oneBlockLong: try AtomicFile.write(bytes + [UInt8](repeating: 0, count: 4096), to: path)
            }
        }
    }

    private let bench: StoreBench
    private let contents = [StoreBench.content(1, 5000), StoreBench.content(2, 1), StoreBench.content(3, 100_000)]
    private let name = StoreBench.digest("layer")

    /// A store with one layer, whose first chunk is here.
    init() throws {
        bench = try StoreBench()
        try add(to: bench.open()).store(contents[0], chunk: 0)
    }

    private func path(_ file: String) -> String { bench.path(name) + "/" + file }

    @discardableResult
    private func add(to store: LayerStore) throws -> StoredLayer {
        let (layer, facts) = try StoreBench.compile(contents)
        return try store.add(name, layer, facts: facts)
    }

    @Test(
        "a file that is missing, cut or too long makes the layer absent, and it can be fetched again", arguments: files, Damage.allCases)
    func wrongSize(file: String, damage: Damage) throws {
        // JSON may end in white space and need not end in anything else.
        if file == "layer.json", damage == .oneByteLong || damage == .oneBlockLong { return }
        try damage.apply(to: path(file))
        let store = try bench.open()
        #expect(try store.layer(name, tocDigest: nil) == nil)
        #expect(!Files.exists(bench.path(name)))
        let again = try add(to: store)
        #expect(!again.isPresent(0))
        try again.store(contents[0], chunk: 0)
        #expect(try again.bytes(0) == contents[0])
    }

    @Test(
        "a layer that is added where a damaged one lies takes its place", arguments: files, [Damage.missing, .half])
    func replaced(file: String, damage: Damage) throws {
        try damage.apply(to: path(file))
        #expect(try !add(to: bench.open()).isPresent(0))
        #expect(try Files.entries(bench.directory.path + "/layers") == [name.hex])
    }

    @Test("any changed byte of the tree or the chunk map makes the layer absent", arguments: [("tree.erofs", 5), ("chunks", 1)])
    func changed(file: String, step: Int) throws {
        let bytes = try Files.read(path(file), limit: 1 << 20)
        for position in stride(from: 0, to: bytes.count, by: step) {
            var flipped = bytes
            flipped[position] ^= 1 << UInt8(position % 8)
            try AtomicFile.write(flipped, to: path(file))
            #expect(throws: TreeImageError.self, "byte \(position)") {
                try StoredLayer(directory: bench.path(name), digest: name, overflow: ChunkOverflow())
            }
        }
    }

    /// The facts without what earlier versions did not note.
    private func forget(_ names: String...) throws {
        var facts = try Documents.decode(JSONValue.self, from: Files.read(path("layer.json"), limit: 1 << 16), what: "facts")
        for name in names {
            #expect(facts[name] != nil)
            facts[name] = nil
        }
        try AtomicFile.write(Documents.encode(facts), to: path("layer.json"))
    }

    @Test("a layer that was stored without checksum proves itself by its digest")
    func earlierFacts() throws {
        try forget("treeChecksum", "hidesLowerFiles")
        let layer = try #require(try bench.open().layer(name, tocDigest: nil))
        #expect(layer.isPresent(0))
        #expect(try !layer.hidesLowerFiles())
        var bytes = try Files.read(path("tree.erofs"), limit: 1 << 20)
        bytes[bytes.count / 2] ^= 1
        try AtomicFile.write(bytes, to: path("tree.erofs"))
        #expect(try bench.open().layer(name, tocDigest: nil) == nil)
    }

    @Test("a chain that was stored without checksum is the same chain, and a damaged one is merged again")
    func chains() throws {
        let store = try bench.open()
        let (compiled, facts) = try StoreBench.compile([contents[0]])
        let layers = [try add(to: store), try store.add(StoreBench.digest("upper"), compiled, facts: facts)]
        let chain = try store.chain(of: layers, keepsWhiteouts: false)
        let directory = bench.directory.path + "/chains/" + chain.digest.hex
        func first() throws -> [Substring] {
            String(decoding: try Files.read(directory + "/chain", limit: 4096), as: UTF8.self).split(separator: "\n")
        }
        let lines = try first()
        let earlier = [lines[0].prefix { $0 != " " }] + lines.dropFirst()
        #expect(lines.count == 3 && lines[0] != earlier[0])
        try AtomicFile.write(Array(earlier.map { $0 + "\n" }.joined().utf8), to: directory + "/chain")
        #expect(try bench.open().chain(of: layers, keepsWhiteouts: false).treeDigest == chain.treeDigest)
        #expect(try first() == earlier)
        var bytes = try Files.read(directory + "/tree.erofs", limit: 1 << 20)
        bytes[100] ^= 1
        try AtomicFile.write(bytes, to: directory + "/tree.erofs")
        #expect(try bench.open().chain(of: layers, keepsWhiteouts: false).treeDigest == chain.treeDigest)
        #expect(try first() == lines)
    }

    @Test("a changed byte of the facts makes another layer or none, and never another size")
    func changedFacts() throws {
        let facts = try StoreBench.compile(contents).facts
        let bytes = try Files.read(path("layer.json"), limit: 1 << 16)
        var opened = 0
        for position in bytes.indices {
            var flipped = bytes
            flipped[position] ^= 1 << UInt8(position % 7)
            try AtomicFile.write(flipped, to: path("layer.json"))
            guard let layer = try? StoredLayer(directory: bench.path(name), digest: name, overflow: ChunkOverflow()) else { continue }
            opened += 1
            #expect(layer.facts.blobSize == facts.blobSize && layer.facts.version == facts.version, "byte \(position)")
        }
        // The digest of the TOC, which whoever asks compares, the format's name, which nobody relies on, and the names of what is not needed.
        #expect(opened > 0 && opened < 64 + 20 + "treeChecksum".count + "hidesLowerFiles".count)
    }

    @Test("any changed byte of the bitmap is refused, checked again, or one of the bits themselves")
    func changedBitmap() throws {
        let bytes = try Files.read(path("present"), limit: 1 << 16)
        for position in 0..<32 {
            var flipped = bytes
            flipped[position] ^= 1 << UInt8(position % 8)
            try AtomicFile.write(flipped, to: path("present"))
            guard position >= 16 else {
                #expect(throws: StoreError.self, "byte \(position)") {
                    try StoredLayer(directory: bench.path(name), digest: name, overflow: ChunkOverflow())
                }
                continue
            }
            // Another boot: each marked chunk proves itself.
            let layer = try StoredLayer(directory: bench.path(name), digest: name, overflow: ChunkOverflow())
            #expect(layer.isPresent(0) && !layer.isPresent(1) && layer.bytesPresent == 5000)
        }
    }

    @Test("what the machine refuses is told, and the layer stays: removing it would lose what was fetched")
    func refusedByTheMachine() throws {
        let isDamage = LayerStore.isDamage
        for code in [EMFILE, ENFILE, ENOMEM, EACCES, EIO] {
            #expect(!isDamage(StoreError.system(operation: "open", path: "x", code: code)))
            #expect(!isDamage(HostError.call(operation: "open", path: "x", code: code)))
        }
        // A directory can be opened and not be mapped.
        try Files.remove(path("chunks"))
        try Files.makeDirectories(path("chunks"))
        let error = #expect(throws: TreeImageError.self) { try bench.open().layer(name, tocDigest: nil) }
        #expect(error?.description.contains("chunks") == true)
        #expect(Files.exists(bench.path(name)))
    }
}
