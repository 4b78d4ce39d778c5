internal import ChunkStore
internal import FetchEngine
internal import Synchronization
internal import TreeImage

/// Asks early for what a program is about to read: the program itself, its loader, the libraries that it names, and theirs.
///
/// Without it each of these is a miss of its own, one round trip after the other. A guess, and bounded: at worst something is fetched that
/// nobody reads.
final class StartPrediction: Sendable {
    private let tree: LayerTree
    private let layers: [LazyLayer]
    private let fetcher: ChunkFetcher
    /// Files that were looked at, by layer and place; bounded by `maximumFiles`.
    private let seen = Mutex<Set<Place>>([])

    private struct Place: Hashable {
        let layer: Int
        let contentOffset: UInt64
    }

    /// Files that are looked at at most; the largest programs name some hundred libraries.
    private static let maximumFiles = 512
    /// Where the loader looks (ld.so(8)).
    private static let libraryDirectories: [String] = {
        #if arch(arm64)
            let triplet = "aarch64-linux-gnu"
        #else
            let triplet = "x86_64-linux-gnu"
        #endif
        return ["/lib/" + triplet, "/usr/lib/" + triplet, "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"]
    }()

    init(_ tree: LayerTree, layers: [LazyLayer], fetcher: ChunkFetcher) {
        self.tree = tree
        self.layers = layers
        self.fetcher = fetcher
    }

    /// A program that is about to be started.
    func expect(_ start: ProgramStart) {
        expect(anyOf: start.program.contains("/") ? [start.program] : start.directories.map { $0 + "/" + start.program })
        for file in start.files { expect(anyOf: [file]) }
    }

    /// The front of a program or library has arrived, whoever asked for it.
    func arrived(_ layer: LazyLayer, contentOffset: UInt64) {
        guard let index = layers.firstIndex(where: { $0 === layer }) else { return }
        look(at: Place(layer: index, contentOffset: contentOffset))
    }

    private func expect(anyOf paths: [String]) {
        for path in paths {
            guard let node = tree.resolve(path), let file = tree.attributes(of: node), file.contentDevice > 0, file.size > 0,
                layers.indices.contains(Int(file.contentDevice) - 1)
            else { continue }
            return look(at: Place(layer: Int(file.contentDevice) - 1, contentOffset: file.contentOffset))
        }
    }

    private func look(at place: Place) {
        if seen.withLock({ $0.count < StartPrediction.maximumFiles && $0.insert(place).inserted }) { follow(place) }
    }

    /// Reads what a file names; what is missing for that is demanded, and then it is read on.
    private func follow(_ place: Place) {
        let layer = layers[place.layer]
        switch ELFNeeds.read({ self.bytes(of: layer, at: place.contentOffset, $0) }) {
        case .nothing: return
        case .wants(let range):
            guard let chunks = chunks(of: layer, at: place.contentOffset, range) else { return }
            fetcher.demand(chunks, of: layer) { [self] result in
                // Nobody waits: a read that needs it asks again, and says what is wrong.
                if case .success = result { follow(place) }
            }
        case .needs(let needs):
            if let interpreter = needs.interpreter { expect(anyOf: [interpreter]) }
            for library in needs.libraries { expect(anyOf: StartPrediction.libraryDirectories.map { $0 + "/" + library }) }
        }
    }

    private func bytes(of layer: LazyLayer, at contentOffset: UInt64, _ range: Range<UInt64>) -> [UInt8]? {
        guard let chunks = chunks(of: layer, at: contentOffset, range), chunks.allSatisfy(layer.stored.isPresent) else { return nil }
        var bytes = [UInt8](repeating: 0, count: range.count)
        let count = try? bytes.withUnsafeMutableBytes { try layer.stored.content.read(at: contentOffset + range.lowerBound, into: $0) }
        return count == bytes.count ? bytes : nil
    }

    private func chunks(of layer: LazyLayer, at contentOffset: UInt64, _ range: Range<UInt64>) -> ClosedRange<Int>? {
        let (end, overflow) = contentOffset.addingReportingOverflow(range.upperBound)
        guard !overflow, end <= layer.stored.chunks.contentSize,
            let first = layer.stored.chunks.index(containing: contentOffset + range.lowerBound),
            let last = layer.stored.chunks.index(containing: end - 1), last >= first
        else { return nil }
        return first...last
    }
}

/// What is known of a program that is about to be started.
public struct ProgramStart: Equatable, Sendable {
    /// A path, or a name that is looked for in `directories`.
    public var program: String
    /// The directories of PATH.
    public var directories: [String]
    /// Other files that will be read, absolute paths.
    public var files: [String]

    /// A start.
    public init(program: String, directories: [String], files: [String] = []) {
        self.program = program
        self.directories = directories
        self.files = files
    }
}
