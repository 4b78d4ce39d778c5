import Digests
import EStargz
import Foundation
import Glibc
import TreeImage

// How long a layer's table of contents takes to become what is mapped: parsed, and compiled to the tree and the chunk map. This is what
// stands between the fetched TOC and the first file that can be opened. Foundation's JSON parser reads the same bytes as the baseline: it
// makes dictionaries of them and no index. On one thread, and on two as layers are opened.

/// Medians of some runs of the same work, after one run that is not counted.
struct Measurement {
    /// On the clock.
    let seconds: Double
    /// On the processor: what the clock would say with the machine to ourselves.
    let cpuSeconds: Double

    init(runs: Int, _ body: () async throws -> Void) async rethrows {
        try await body()
        var times: [(wall: Double, cpu: Double)] = []
        for _ in 0..<runs {
            let (started, used) = (ContinuousClock.now, Measurement.processorTime())
            try await body()
            times.append(((ContinuousClock.now - started) / .seconds(1), Measurement.processorTime() - used))
        }
        seconds = times.map(\.wall).sorted()[runs / 2]
        cpuSeconds = times.map(\.cpu).sorted()[runs / 2]
    }

    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// JSON bytes as we write them and, with white space, as the reference does.
func forms(of toc: TOC) throws -> [(name: String, json: [UInt8])] {
    let compact = TOCSerializer.json(toc)
    let value = try JSONSerialization.jsonObject(with: Data(compact))
    let indented = try JSONSerialization.data(withJSONObject: value, options: [.prettyPrinted, .sortedKeys])
    return [("as starling writes it", compact), ("indented", [UInt8](indented))]
}

@main
enum Main {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        let (count, runs) = (max(1, arguments.first ?? 100_000), max(1, arguments.dropFirst().first ?? 9))
        for form in try forms(of: SyntheticTOC.make(entries: count)) {
            try await compare(form.json, form.name, entries: count, runs: runs)
        }
        try await ChainBenchmark.run(entries: count, runs: runs)
    }

    static func compare(_ json: [UInt8], _ name: String, entries: Int, runs: Int) async throws {
        var size = 0
        let parsed = try await Measurement(runs: runs) { _ = try json.withUnsafeBytes { try TOCParser.parse($0) } }
        let whole = try await Measurement(runs: runs) {
            let toc = try json.withUnsafeBytes { try TOCParser.parse($0) }
            let layer = try LayerCompiler.compile(toc: toc, blobSize: 1 << 40, payloadEnd: 1 << 40, compression: .gzip)
            size = layer.erofs.count + layer.chunkMap.count
        }
        let shared = try await Measurement(runs: runs) {
            let toc = try await TOCParser.parse(sharing: json[...])
            _ = try await LayerCompiler.compileOnTwoThreads(toc: toc, blobSize: 1 << 40, payloadEnd: 1 << 40, compression: .gzip)
        }
        let data = Data(json)
        let foundation = try await Measurement(runs: runs) { _ = try JSONSerialization.jsonObject(with: data) }

        let megabytes = Double(json.count) / 1e6
        let sizes = "\(number(megabytes, 1)) MB; index \(number(Double(size) / 1e6, 1)) MB"
        print("TOC of \(entries) entries, \(name): \(sizes); medians of \(runs) runs")
        let rows = [
            ("parsed", parsed), ("parsed and compiled to an index", whole), ("the same on two threads", shared),
            ("parsed by JSONSerialization", foundation),
        ]
        for (title, time) in rows {
            let speed = number(megabytes / time.seconds, 1)
            print("  \(pad(title, 34)) \(number(time.seconds, 3)) s (CPU \(number(time.cpuSeconds, 3)) s) \(speed) MB/s")
        }
        print("  parsed and compiled, faster than JSONSerialization by \(number(foundation.seconds / whole.seconds, 1)) x")
        // A quarter of a second for 100,000 entries.
        let wanted = 0.25 * Double(entries) / 100_000
        print("  wanted: below \(number(wanted, 2)) s   \(whole.seconds < wanted ? "yes" : "NO")")
    }

    static func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

    static func pad(_ text: String, _ width: Int) -> String { text.padding(toLength: width, withPad: " ", startingAt: 0) }
}
