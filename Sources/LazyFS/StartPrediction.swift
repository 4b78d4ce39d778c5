internal import ChunkStore
internal import FetchEngine
internal import OCI
internal import StartTrace
internal import Synchronization
internal import Threads
internal import TreeImage

/// Asks early for what a program is about to read: the program itself, its loader, the libraries that it names, and theirs; of a Python file
/// the modules that it imports, and theirs.
///
///     a start that is announced, a read that misses ─▶ file ─▶ its bytes ─▶ names in it ─▶ files ─▶ expected of the engine ─▶ their bytes …
///
/// Without it each of these is a miss of its own, one round trip after the other. A guess, and bounded: at worst something is fetched that
/// nobody reads. It works on a thread apart, so that no read waits for it.
final class StartPrediction: Sendable {
    private let tree: LayerTree
    private let layers: [LazyLayer]
    private let fetcher: ChunkFetcher
    private let work: WorkQueue<@Sendable () -> Void>
    /// Told once nothing is left to look at: whoever wants to know what is read without anything being run. Shell scripts are looked into then, too, and landmarks
    /// are no reason to leave something out.
    private let settled: (@Sendable ([ContentPlace]) -> Void)?
    private let inbox = Mutex(Inbox())
    /// Touched by the thread only.
    private let memory: Mutex<Memory>

    private enum Event: Sendable {
        case start(ProgramStart)
        case missed(ContentPlace, process: Int32)
        case ended(File, isHere: Bool)
    }

    private struct Inbox {
        var events: [Event] = []
        var isRunning = false
    }

    /// A file that is expected to be read.
    private struct File: Sendable {
        enum Kind: Sendable {
            case program
            case compiled(tag: String), source(tag: String)
            case other
        }

        let place: ContentPlace
        let size: UInt64
        let kind: Kind
        /// What names in it are relative to.
        let directory: TreeNode?
        let order: ReadOrder
        /// Whether something named it; else it only lies beside what was.
        var isNamed = true
        /// How often its bytes were asked for, and how many compressed ones the last time.
        var rounds = 0
        var asked: UInt64 = 0
    }

    private struct Memory {
        var modules: PythonModules
        var neighbourhoods = Neighbourhoods()
        var processes = ProcessStarts()
        var index: FileIndex?
        /// Beginnings so far. A read that waits now comes before all that was expected until then.
        var beginnings = 0
        /// Layers in which a read has missed what lies behind the landmark: this is not the start that was recorded.
        var passedLandmarks: Set<Int> = []
        /// Files that were looked at.
        var seen: Set<ContentPlace> = []
        /// Files to be read, and files whose bytes are to be asked for.
        var pending: [File] = []
        var expected: [(file: File, chunks: ClosedRange<Int>)] = []
        /// Files whose bytes are on their way.
        var outstanding = 0
        /// What something named, and when it will be read.
        var named: [(place: ContentPlace, order: ReadOrder)] = []
    }

    /// Files that are looked at at most, and events that wait: the largest programs start with some thousand files.
    private static let mostFiles = 8192
    private static let mostEvents = 16384
    /// Headers, dynamic section, names, and one more.
    private static let mostRounds = 4
    /// Programs and libraries up to this size are fetched whole; of larger ones, what names their needs.
    private static let largestWhole: UInt64 = 16 << 20
    /// What most programs of glibc look at before anything else.
    private static let commonFiles = [
        "/etc/ld.so.cache", "/usr/lib/locale/C.utf8/LC_CTYPE", "/usr/lib/\(triplet)/gconv/gconv-modules.cache", "/etc/localtime",
    ]
    /// Where the loader looks (ld.so(8)).
    private static let libraryDirectories = [
        "/lib/" + triplet, "/usr/lib/" + triplet, "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib",
    ]
    /// What Debian calls this architecture in paths.
    private static let triplet: String = {
        #if arch(arm64)
            "aarch64-linux-gnu"
        #else
            "x86_64-linux-gnu"
        #endif
    }()

    /// - Parameters:
    ///   - work: of the thread that it works on.
    ///   - settled: called when nothing is left to look at, with the files that were named, in the order in which they are read.
    init(
        _ tree: LayerTree, layers: [LazyLayer], fetcher: ChunkFetcher, work: WorkQueue<@Sendable () -> Void>,
        settled: (@Sendable ([ContentPlace]) -> Void)? = nil
    ) {
        self.tree = tree
        self.layers = layers
        self.fetcher = fetcher
        self.work = work
        self.settled = settled
        memory = Mutex(Memory(modules: PythonModules(tree)))
    }

    /// A program that is about to be started.
    func expect(_ start: ProgramStart) {
        if settled != nil || !layers.allSatisfy(\.isComplete) { add(.start(start)) }
    }

    /// A read of a process waits for bytes of a layer, from a place of its content file on.
    func missed(_ layer: LazyLayer, at contentOffset: UInt64, by process: Int32) {
        guard let index = layers.firstIndex(where: { $0 === layer }) else { return }
        add(.missed(ContentPlace(layer: index, offset: contentOffset), process: process))
    }

    private func add(_ event: Event) {
        let starts = inbox.withLock { inbox -> Bool in
            guard inbox.events.count < StartPrediction.mostEvents else { return false }
            inbox.events.append(event)
            defer { inbox.isRunning = true }
            return !inbox.isRunning
        }
        // A closed queue belongs to a node that ends.
        if starts { _ = work.add { self.run() } }
    }

    private func run() {
        memory.withLock { memory in
            while let events = next() {
                let looking = layers.first?.trace?.begin(.prediction, "look ahead")
                for event in events { handle(event, &memory) }
                followPending(&memory)
                while let (module, tag) = memory.neighbourhoods.next(&memory.modules) {
                    look(at: module, tag, .last, isNamed: false, &memory)
                    followPending(&memory)
                }
                if !memory.expected.isEmpty { looking?.end("\(memory.expected.count) files asked for") }
                flush(&memory)
            }
            if memory.outstanding == 0 { settled?(memory.named.sorted { $0.order < $1.order }.map(\.place)) }
        }
    }

    // What is here leads on at once.
    private func followPending(_ memory: inout Memory) {
        while !memory.pending.isEmpty {
            let files = memory.pending
            memory.pending = []
            for file in files { follow(file, &memory) }
        }
    }

    private func next() -> [Event]? {
        inbox.withLock { inbox in
            if inbox.events.isEmpty { inbox.isRunning = false }
            defer { inbox.events = [] }
            return inbox.isRunning ? inbox.events : nil
        }
    }

    private func handle(_ event: Event, _ memory: inout Memory) {
        switch event {
        case .start(let start): look(at: start, &memory)
        case .missed(let place, let process):
            look(atMissed: place, &memory)
            if let start = memory.processes.start(of: process) { look(at: start, &memory) }
        case .ended(let file, let isHere):
            memory.outstanding -= 1
            memory.neighbourhoods.ended(file.asked)
            if isHere { memory.pending.append(file) }
        }
    }

    // MARK: Which files

    private func look(at start: ProgramStart, _ memory: inout Memory) {
        let order = StartPrediction.beginning(&memory)
        for path in ImageConfig.Execution.userFiles { look(atAnyOf: [path], .other, order.child(0), &memory) }
        let paths = start.program.contains("/") ? [start.program] : start.directories.map { $0 + "/" + start.program }
        look(atAnyOf: paths, .program, order.child(1), &memory)
        expectScript(start, order.child(2), &memory)
    }

    private static func beginning(_ memory: inout Memory) -> ReadOrder {
        memory.beginnings += 1
        return .first.child(Int(UInt16.max) - memory.beginnings)
    }

    private func look(atAnyOf paths: [String], _ kind: File.Kind, _ order: ReadOrder, _ memory: inout Memory) {
        for path in paths {
            guard let node = tree.resolve(path), let place = ContentPlace(tree, node) else { continue }
            return look(at: node, place, kind, nil, order, &memory)
        }
    }

    // What a read misses is on its way already; what matters is what it names.
    private func look(atMissed place: ContentPlace, _ memory: inout Memory) {
        if isBehindLandmark(place), !isRecorded(place, &memory) { memory.passedLandmarks.insert(place.layer) }
        guard memory.seen.count < StartPrediction.mostFiles, !memory.seen.contains(place) else { return }
        buildIndex(&memory)
        guard let file = memory.index?.file(at: place), let name = name(of: file) else { return }
        let order = StartPrediction.beginning(&memory)
        if let tag = PythonModules.tag(ofCompiled: name) {
            let package = tree.parent(of: file.directory)
            look(at: file.node, place, .compiled(tag: tag), package, order, &memory)
            if let package { memory.neighbourhoods.touch(package, tag, &memory.modules) }
        } else if name.hasSuffix(".py"), let tag = memory.modules.standardTag {
            look(at: file.node, place, .source(tag: tag), file.directory, order, &memory)
            memory.neighbourhoods.touch(file.directory, tag, &memory.modules)
        } else {
            look(at: file.node, place, .program, file.directory, order.child(0), &memory)
            if let tag = PythonModules.tag(ofVersioned: name) { expect(PythonModules.startNames(tag), tag, nil, order.child(1), &memory) }
        }
    }

    private func buildIndex(_ memory: inout Memory) { if memory.index == nil { memory.index = FileIndex(tree) } }

    private func isBehindLandmark(_ place: ContentPlace) -> Bool {
        let map = layers[place.layer].stored.chunks
        guard map.prefetchEnd > 0, let chunk = map.index(containing: place.offset) else { return false }
        return !map.isInFront(chunk)
    }

    /// Whether a part of the file behind the landmark is repeated before it: then it belongs to the start that was recorded, and either that part is on its
    /// way, or the kernel reads ahead elsewhere than it did then.
    private func isRecorded(_ place: ContentPlace, _ memory: inout Memory) -> Bool {
        buildIndex(&memory)
        guard let file = memory.index?.file(atOrBefore: place), let size = tree.attributes(of: file.node)?.size,
            let start = ContentPlace(tree, file.node), place.offset - start.offset < size, let chunks = chunks(at: start, 0..<size)
        else { return false }
        return chunks.contains { layers[place.layer].stored.chunks.repetition(of: $0) != nil }
    }

    private func name(of file: FileIndex.File) -> String? {
        var found: String?
        _ = tree.forEachEntry(in: file.directory, from: 0) { name, node, _, _ in
            if node == file.node { found = String(decoding: name, as: UTF8.self) }
            return found == nil
        }
        return found
    }

    private func look(
        at node: TreeNode, _ place: ContentPlace, _ kind: File.Kind, _ directory: TreeNode?, _ order: ReadOrder, isNamed: Bool = true,
        _ memory: inout Memory
    ) {
        guard layers.indices.contains(place.layer), memory.seen.count < StartPrediction.mostFiles,
            isNamed ? memory.seen.insert(place).inserted : !memory.seen.contains(place), let size = tree.attributes(of: node)?.size
        else { return }
        if settled != nil, isNamed { memory.named.append((place, order)) }
        memory.pending.append(File(place: place, size: size, kind: kind, directory: directory, order: order, isNamed: isNamed))
    }

    private func expectScript(_ start: ProgramStart, _ order: ReadOrder, _ memory: inout Memory) {
        guard (start.program.split(separator: "/").last ?? "").hasPrefix("python3"), let tag = memory.modules.standardTag else { return }
        var names = PythonModules.startNames(tag)
        switch start.arguments.first {
        case "-c": names += PythonImports.names(source: Array(start.arguments.dropFirst().joined(separator: "\n").utf8))
        case "-m": names += start.arguments.dropFirst().prefix(1).flatMap { [$0, $0 + ".__main__"] }
        case let path? where !path.hasPrefix("-"):
            let path = path.hasPrefix("/") ? path : start.workingDirectory + "/" + path
            if let node = tree.resolve(path), let place = ContentPlace(tree, node) {
                look(at: node, place, .source(tag: tag), nil, order.child(Int(UInt16.max)), &memory)
            }
        default: break
        }
        expect(names, tag, nil, order, &memory)
    }

    private func expect(_ names: [String], _ tag: String, _ directory: TreeNode?, _ order: ReadOrder, _ memory: inout Memory) {
        for (number, module) in memory.modules.files(named: names, tag: tag, from: directory).enumerated() {
            look(at: module, tag, order.child(number), isNamed: true, &memory)
            memory.neighbourhoods.touch(module.directory, tag, &memory.modules)
        }
    }

    private func look(at module: PythonModules.Module, _ tag: String, _ order: ReadOrder, isNamed: Bool, _ memory: inout Memory) {
        guard let place = ContentPlace(tree, module.node) else { return }
        let kind: File.Kind =
            switch module.kind {
            case .compiled: .compiled(tag: tag)
            case .source: .source(tag: tag)
            case .extension: .program
            }
        look(at: module.node, place, kind, module.directory, order, isNamed: isNamed, &memory)
    }

    // MARK: What they name

    /// Reads what a file names; what is missing for that is expected, and then it is read on. A guess leads to no further ones.
    private func follow(_ file: File, _ memory: inout Memory) {
        switch file.kind {
        case _ where !file.isNamed, .other:
            if !isHere(file, 0..<file.size) { expect(file, 0..<file.size, &memory) }
        case .program:
            switch ELFNeeds.read({ self.bytes(of: file, $0) }) {
            case .nothing: followScript(file, &memory)
            // It ends before that, as files shorter than a header do: asking for it would come to the same for ever.
            case .wants(let range) where range.upperBound > file.size: followScript(file, &memory)
            case .wants(let range):
                // Most of a library that is loaded is read, and soon.
                expect(file, file.size <= StartPrediction.largestWhole ? 0..<file.size : range, &memory)
            case .needs(let needs): expect(needs, file, &memory)
            }
        case .compiled(let tag), .source(let tag):
            guard file.size <= PythonImports.largestFile else { return }
            guard let bytes = bytes(of: file, 0..<file.size) else { return expect(file, 0..<file.size, &memory) }
            let names =
                if case .compiled = file.kind { PythonImports.names(compiled: bytes) } else { PythonImports.names(source: bytes) }
            expect(names, tag, file.directory, file.order, &memory)
        }
    }

    /// What is no program may name one in its first line, and what it says then is that program's language.
    private func followScript(_ file: File, _ memory: inout Memory) {
        let first = 0..<min(file.size, UInt64(ScriptHeader.longestLine))
        guard let beginning = bytes(of: file, first) else { return expect(file, first, &memory) }
        guard let header = ScriptHeader(beginning) else { return }
        look(atAnyOf: programs(header.interpreter), .program, file.order.child(0), &memory)
        let name = header.interpreter.split(separator: "/").last ?? ""
        if name.hasPrefix("python3"), file.size <= PythonImports.largestFile, let tag = memory.modules.standardTag {
            guard let bytes = bytes(of: file, 0..<file.size) else { return expect(file, 0..<file.size, &memory) }
            expect(PythonModules.startNames(tag) + PythonImports.names(source: bytes), tag, file.directory, file.order.child(1), &memory)
        } else if settled != nil, name.hasSuffix("sh"), file.size <= ShellCommands.largestFile {
            guard let bytes = bytes(of: file, 0..<file.size) else { return expect(file, 0..<file.size, &memory) }
            for (number, command) in ShellCommands.names(bytes).enumerated() {
                look(atAnyOf: programs(command), .program, file.order.child(1 + number), &memory)
            }
        }
    }

    /// Where a program may be.
    private func programs(_ name: String) -> [String] {
        name.contains("/") ? [name] : ProgramStart.usualDirectories.map { $0 + "/" + name }
    }

    private func expect(_ needs: ELFNeeds, _ file: File, _ memory: inout Memory) {
        if let interpreter = needs.interpreter {
            look(atAnyOf: [interpreter], .program, file.order.child(0), &memory)
            for path in StartPrediction.commonFiles { look(atAnyOf: [path], .other, file.order.child(0), &memory) }
        }
        for (number, library) in needs.libraries.enumerated() {
            let order = file.order.child(1 + number)
            let beside = file.directory.flatMap { sibling(library, needs.searchPath, of: $0) }
            if let beside, let place = ContentPlace(tree, beside) {
                look(at: beside, place, .program, file.directory, order, &memory)
            } else {
                let directories = needs.searchPath.filter { $0.hasPrefix("/") } + StartPrediction.libraryDirectories
                look(atAnyOf: directories.map { $0 + "/" + library }, .program, order, &memory)
            }
        }
    }

    /// A library in a directory that is named relative to the file's own.
    private func sibling(_ library: String, _ searchPath: [String], of directory: TreeNode) -> TreeNode? {
        for path in searchPath where path.hasPrefix("$ORIGIN") {
            if let node = tree.resolve(String(path.dropFirst("$ORIGIN".count)) + "/" + library, from: directory) { return node }
        }
        return nil
    }

    // With a full disk bytes arrive and are not here: nobody asks for ever. What lies before a landmark is on its way, in the order in which it
    // will be read; what lies behind it was not read when that was found out, and is expected only once something there is read.
    private func expect(_ file: File, _ range: Range<UInt64>, _ memory: inout Memory) {
        guard file.rounds < StartPrediction.mostRounds, let chunks = chunks(of: file, range),
            case let map = layers[file.place.layer].stored.chunks,
            settled != nil
                || map.chunk(chunks.lowerBound).blobOffset >= map.prefetchEnd
                    && (map.prefetchEnd == 0 || memory.passedLandmarks.contains(file.place.layer))
        else { return }
        var file = file
        file.rounds += 1
        file.asked = chunks.reduce(0) { $0 + (layers[file.place.layer].stored.isPresent($1) ? 0 : UInt64(map.chunk($1).blobLength)) }
        memory.neighbourhoods.asked(file.asked, byName: file.isNamed)
        memory.expected.append((file, chunks))
    }

    // MARK: Bytes

    private func flush(_ memory: inout Memory) {
        memory.outstanding += memory.expected.count
        let byLayer = Dictionary(grouping: memory.expected) { $0.file.place.layer }
        memory.expected = []
        for (layer, files) in byLayer {
            let expected = files.map { file, chunks in
                ExpectedChunks(chunks, order: file.order) { [weak self] isHere in
                    self?.add(.ended(file, isHere: isHere))
                }
            }
            fetcher.expect(expected, of: layers[layer])
        }
    }

    private func isHere(_ file: File, _ range: Range<UInt64>) -> Bool {
        chunks(of: file, range)?.allSatisfy(layers[file.place.layer].stored.isPresent) ?? false
    }

    private func bytes(of file: File, _ range: Range<UInt64>) -> [UInt8]? {
        guard isHere(file, range) else { return nil }
        let content = layers[file.place.layer].stored.content
        var bytes = [UInt8](repeating: 0, count: range.count)
        let count = try? bytes.withUnsafeMutableBytes { try content.read(at: file.place.offset + range.lowerBound, into: $0) }
        return count == bytes.count ? bytes : nil
    }

    private func chunks(of file: File, _ range: Range<UInt64>) -> ClosedRange<Int>? { chunks(at: file.place, range) }

    /// - Parameter range: of the file that begins there.
    private func chunks(at place: ContentPlace, _ range: Range<UInt64>) -> ClosedRange<Int>? {
        let map = layers[place.layer].stored.chunks
        let (end, overflow) = place.offset.addingReportingOverflow(range.upperBound)
        guard !overflow, !range.isEmpty, end <= map.contentSize, let first = map.index(containing: place.offset + range.lowerBound),
            let last = map.index(containing: end - 1), last >= first
        else { return nil }
        return first...last
    }
}
