import EStargz
import Foundation
import TreeImage

/// A chain of layers from its TOCs to the one tree that a container's root is mounted from. The baseline is parsing one TOC of as many
/// entries, which any way to start from that many files has to do.
enum ChainBenchmark {
    static let layerCount = 20

    static func run(entries count: Int, runs: Int) async throws {
        // Each layer has a tenth of the one below again.
        let step = max(100, count / layerCount / 100 * 100)
        let tocs = (0..<layerCount).map { SyntheticTOC.make(entries: step, from: $0 * step * 9 / 1000 * 100) }
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("bench-toc-\(getpid())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let trees = try tocs.enumerated().map { index, toc in
            let path = directory.appendingPathComponent("\(index)")
            try Data(compile(toc).erofs).write(to: path)
            return try LayerTree(path: path.path)
        }

        let json = TOCSerializer.json(SyntheticTOC.make(entries: count))
        let parsed = try await Measurement(runs: runs) { _ = try json.withUnsafeBytes { try TOCParser.parse($0) } }
        let compiled = try await Measurement(runs: runs) { for toc in tocs { _ = try compile(toc) } }
        var merged = try TreeMerger.merge(trees)
        let merging = try await Measurement(runs: runs) { merged = try TreeMerger.merge(trees) }

        let size = Main.number(Double(merged.erofs.count) / 1e6, 1)
        print("\(layerCount) layers of \(step) entries: one tree of \(merged.inodeCount) inodes, \(size) MB; medians of \(runs) runs")
        report("one TOC of \(count) entries parsed", parsed, parsed)
        report("the layers' TOCs compiled", compiled, parsed)
        report("their trees merged", merging, parsed)
        // Three tenths of a second for 100,000 entries.
        let wanted = 0.3 * Double(count) / 100_000
        print("  wanted of the merge: below \(Main.number(wanted, 2)) s   \(merging.seconds < wanted ? "yes" : "NO")")
    }

    private static func report(_ title: String, _ time: Measurement, _ baseline: Measurement) {
        let figures = "\(Main.number(time.seconds, 3)) s (CPU \(Main.number(time.cpuSeconds, 3)) s)"
        print("  \(Main.pad(title, 34)) \(figures) \(Main.number(time.seconds / baseline.seconds, 2)) x parsing")
    }

    private static func compile(_ toc: TOC) throws -> CompiledLayer {
        try LayerCompiler.compile(toc: toc, blobSize: 1 << 40, payloadEnd: 1 << 40, compression: .gzip)
    }
}
