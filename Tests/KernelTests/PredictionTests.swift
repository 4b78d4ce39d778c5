import ChunkStore
import Conversion
import Digests
import FetchEngine
import HostSystem
import LazyFS
import Logging
import OCI
import Registry
import Tar
import TestSupport
import Testing
import Threads
import TreeImage

/// What a read that misses brings along because of what is in the file.
@Suite("predictions", .serialized)
struct PredictionTests {
    private let registry: RegistryServer
    private let directory: TemporaryDirectory
    private let client = RegistryClient()
    private let reference: Reference
    private let layout: String
    private let layer: Descriptor

    /// Files in the order of the archive; between them lies more than a miss brings along.
    private static func files() throws -> [(name: String, content: [UInt8])] {
        let (library, collection) = ("usr/lib/python3.11", "usr/lib/python3/dist-packages")
        return [
            ("usr/bin/tool", try Files.read("/usr/bin/skopeo", limit: 1 << 30)),
            ("lib64/ld-linux-x86-64.so.2", noise(60_000)),
            ("usr/lib/x86_64-linux-gnu/libc.so.6", noise(60_000)),
            ("\(library)/first.py", Array("import second\ndef later():\n    import never\n".utf8)),
            ("\(library)/pack/__init__.py", Array("# a package\n".utf8)),
            ("\(library)/second.py", Array("from pack import third\n".utf8)),
            ("\(library)/pack/third.py", Array("x = 1\n".utf8)),
            ("\(library)/never.py", Array("y = 1\n".utf8)),
            ("usr/lib/python3.9/os.py", Array("# another version\n".utf8)),
            ("\(collection)/top.py", Array("import wide.extra\n".utf8)),
            ("\(library)/dist-packages/wide/extra.py", Array("z = 1\n".utf8)),
            ("\(collection)/wide/__init__.py", Array("# a package\n".utf8)),
            ("\(collection)/wide/extra.py", Array("z = 1\n".utf8 + noise(20))),
            ("\(collection)/wide/aside.py", Array("import far\n".utf8)),
            ("\(collection)/far.py", Array("z = 2\n".utf8)),
        ]
    }

    /// Bytes that do not compress.
    private static func noise(_ count: Int) -> [UInt8] {
        (0..<(count + 7) / 8).map { _ in UInt64.random(in: .min ... .max) }.withUnsafeBytes { Array($0.prefix(count)) }
    }

    init() async throws {
        try requireRoot()
        try requireFuse()
        registry = try RegistryServer()
        directory = try TemporaryDirectory(in: "/var/tmp")
        var archive: [UInt8] = []
        for (number, file) in try PredictionTests.files().enumerated() {
            for (name, content) in [file, ("filler-\(number)", PredictionTests.noise(600_000))] {
                let size = Int64(content.count)
                archive += TarWriter.header(name: name, size: size) + content + TarWriter.padding(afterSize: size)
            }
        }
        let path = directory.path + "/image.tar"
        try AtomicFile.write(archive + TarWriter.end, to: path)
        try run("gzip", ["-n", "-1", path])
        layout = try TestImages.oneLayer(path + ".gz", in: directory.path)
        reference = try Reference(parsing: "\(registry.address)/predicted:1")
        _ = try await ImageConverter(options: ConversionOptions()).convert(
            from: OCILayoutSource(directory: layout, tag: nil), to: RegistryDestination(client: client, reference: reference))
        layer = try Documents.decode(Manifest.self, from: try await client.resolve(reference).1, what: "manifest").layers[0]
    }

    /// - Parameter layer: the one that has no landmark, or another.
    private func withRoot(
        _ mode: ServingMode, _ layer: Descriptor? = nil, _ body: @escaping @Sendable (String, StoredLayer) async throws -> Void
    ) async throws {
        try await withNode(mode, layer) { node, opened in
            let lowers = try await BlockingTask.run { try node.lowerDirectories(of: [opened]) }
            try await body(lowers[0], opened.layer.stored)
        }
    }

    private func withNode(
        _ mode: ServingMode, _ layer: Descriptor? = nil, _ body: (LazyNode, LazyNode.Opened) async throws -> Void
    ) async throws {
        var fetching = FetchOptions()
        fetching.completesLayers = false
        var opening = LayerOpener.Options()
        opening.prefixSize = 0
        let node = try LazyNode(
            root: directory.path + "/store", directory: directory.path + "/mounts", mode: mode, client: client, prefetch: .none,
            fetching: fetching, opening: opening, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let opened = try await node.open(layer ?? self.layer, of: reference)
        try await body(node, opened)
        try await BlockingTask.run { node.shutdown() }
    }

    private static func isHere(_ path: String, _ stored: StoredLayer) throws -> Bool {
        let node = try #require(stored.tree.resolve(path))
        let place = try #require(stored.tree.attributes(of: node)).contentOffset
        return stored.isPresent(try #require(stored.chunks.index(containing: place)))
    }

    private static func waitUntilHere(_ path: String, _ stored: StoredLayer) async throws {
        for _ in 0..<2000 where try !isHere(path, stored) { try await Task.sleep(for: .milliseconds(10)) }
        #expect(try isHere(path, stored), "\(path)")
    }

    @Test(
        "a Python file brings the modules that it imports, and theirs, and not what only its functions import", arguments: ChainTests.modes)
    func modules(mode: ServingMode) async throws {
        try await withRoot(mode) { root, stored in
            _ = try await BlockingTask.run { try Files.read(root + "/usr/lib/python3.11/first.py", limit: 1 << 20) }
            try await PredictionTests.waitUntilHere("/usr/lib/python3.11/pack/third.py", stored)
            #expect(try PredictionTests.isHere("/usr/lib/python3.11/pack/__init__.py", stored))
            #expect(try PredictionTests.isHere("/usr/lib/python3.11/second.py", stored))
            #expect(try !PredictionTests.isHere("/usr/lib/python3.11/never.py", stored))
            #expect(try !PredictionTests.isHere("/filler-6", stored))
        }
    }

    @Test(
        "an import brings the package that Python would take, and later the package's other modules, and nothing for those",
        arguments: ChainTests.modes)
    func packages(mode: ServingMode) async throws {
        try await withRoot(mode) { root, stored in
            let collection = "/usr/lib/python3/dist-packages"
            _ = try await BlockingTask.run { try Files.read(root + collection + "/top.py", limit: 1 << 20) }
            try await PredictionTests.waitUntilHere(collection + "/wide/extra.py", stored)
            try await PredictionTests.waitUntilHere(collection + "/wide/aside.py", stored)
            #expect(try !PredictionTests.isHere(collection + "/far.py", stored))
            #expect(try !PredictionTests.isHere("/usr/lib/python3.11/dist-packages/wide/extra.py", stored))
            #expect(try !PredictionTests.isHere("/usr/lib/python3.11/first.py", stored))
        }
    }

    @Test("the command line of the process that misses brings what it names", arguments: ChainTests.modes)
    func commandLine(mode: ServingMode) async throws {
        try await withRoot(mode) { root, stored in
            // Called python3, and as much of a program in its language as of one in the shell's.
            let program = "read -r -N 10 x < '\(root)/filler-0'\nimport never\ntrue"
            _ = try await BlockingTask.run { try run("bash", ["-c", "exec -a python3 bash -c \"$0\"", program]).outputText.isEmpty }
            try await PredictionTests.waitUntilHere("/usr/lib/python3.11/never.py", stored)
            #expect(try !PredictionTests.isHere("/usr/lib/python3.11/first.py", stored))
        }
    }

    @Test("what a start is said to be is looked for in a layer whose chain is not open yet")
    func oneLayer() async throws {
        try await withNode(.native) { node, opened in
            let stored = opened.layer.stored
            node.expect(ProgramStart(program: "tool", directories: ["/bin", "/usr/bin"]), of: opened)
            try await PredictionTests.waitUntilHere("/lib64/ld-linux-x86-64.so.2", stored)
            try await PredictionTests.waitUntilHere("/usr/lib/x86_64-linux-gnu/libc.so.6", stored)
            let directory = "/usr/lib/python3/dist-packages"
            node.expect(ProgramStart(program: "python3", arguments: ["top.py"], directories: [], workingDirectory: directory), of: opened)
            try await PredictionTests.waitUntilHere("/usr/lib/python3/dist-packages/wide/extra.py", stored)
        }
    }

    @Test("a program brings its loader and libraries", arguments: ChainTests.modes)
    func program(mode: ServingMode) async throws {
        try await withRoot(mode) { root, stored in
            _ = try await BlockingTask.run { try run("head", ["-c", "4096", root + "/usr/bin/tool"]).outputText.isEmpty }
            try await PredictionTests.waitUntilHere("/lib64/ld-linux-x86-64.so.2", stored)
            try await PredictionTests.waitUntilHere("/usr/lib/x86_64-linux-gnu/libc.so.6", stored)
            #expect(try !PredictionTests.isHere("/filler-4", stored))
        }
    }

    @Test("of a start that was recorded nothing is guessed, until a file is read of which nothing was", arguments: ChainTests.modes)
    func recorded(mode: ServingMode) async throws {
        let accesses = [FileAccess(path: "usr/bin/tool", ranges: [FileAccess.Span(offset: 0, size: 8192)])]
        let converted = try await ImageConverter(options: ConversionOptions(priorities: Priorities(AccessRecord(accesses)))).convert(
            from: OCILayoutSource(directory: layout, tag: nil), to: RegistryDestination(client: client, reference: reference))
        try await withRoot(mode, converted.images[0].layers[0].result) { root, stored in
            // Its beginning is before the landmark, and not here; its middle behind.
            _ = try await BlockingTask.run { try run("head", ["-c", "4096", root + "/usr/bin/tool"]).outputText.isEmpty }
            _ = try await BlockingTask.run {
                try run("dd", ["if=\(root)/usr/bin/tool", "of=/dev/null", "bs=4096", "skip=1000", "count=1", "status=none"])
            }
            _ = try await BlockingTask.run { try Files.read(root + "/usr/lib/python3.11/first.py", limit: 1 << 20) }
            try await PredictionTests.waitUntilHere("/usr/lib/python3.11/pack/third.py", stored)
            #expect(try !PredictionTests.isHere("/usr/lib/x86_64-linux-gnu/libc.so.6", stored))
        }
    }
}
