import Digests
public import EStargz

/// A chain of layers made up from a seed: few names, so that layers meet each other in every way (files, directories, symbolic and hard
/// links, devices, whiteouts, opaque directories), all attributes random.
public struct RandomChain: Sendable {
    /// What a layer has at a path.
    public enum Item: Equatable, Sendable {
        /// A directory; an opaque one hides what lower layers have in it.
        case directory(isOpaque: Bool)
        /// A regular file with these bytes.
        case file([UInt8])
        /// A symbolic link.
        case symlink(String)
        /// Another name of an earlier file of the layer.
        case link(to: String)
        /// A fifo.
        case fifo
        /// A character device.
        case device(major: Int64, minor: Int64)
        /// Hides what lower layers have at the path.
        case whiteout
    }

    /// One path of a layer.
    public struct Entry: Sendable {
        /// Path without leading slash; "" is the root directory.
        public var path: String
        /// What is there.
        public var item: Item
        /// Permission bits.
        public var mode: Int64
        /// Owner.
        public var uid: Int64
        /// Group.
        public var gid: Int64
        /// Seconds since 1970.
        public var modified: Int64
        /// Extended attributes.
        public var xattrs: [String: [UInt8]]
    }

    /// Entries of each layer, the lowest layer first; a directory before what is in it, a hard link after its target.
    public private(set) var layers: [[Entry]] = []

    private var random: SeededRandom
    private static let names = ["a", "b", "bin", "c", "dev", "e.txt", "lib", "-x", ".y"]

    /// As many layers, the same ones for the same seed.
    public init(seed: UInt64, layers count: Int) {
        random = SeededRandom(seed: seed)
        for _ in 0..<count {
            var layer: [Entry] = []
            append("", .directory(isOpaque: chance(15)), to: &layer)
            fill("", depth: 0, of: &layer)
            layers.append(layer)
        }
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func append(_ path: String, _ item: Item, to layer: inout [Entry]) {
        let mode: Int64 = [0o644, 0o755, 0o1777, 0o4711, 0o2750, 0o600].randomElement(using: &random) ?? 0
        var entry = Entry(path: path, item: item, mode: mode, uid: 0, gid: 0, modified: 0, xattrs: [:])
        entry.uid = Int64.random(in: 0..<70_000, using: &random)
        entry.gid = Int64.random(in: 0..<70_000, using: &random)
        entry.modified = Int64.random(in: 1..<2_000_000_000, using: &random)
        // Linux keeps user attributes on files and directories only.
        switch item {
        case .file, .directory:
            if chance(30) { entry.xattrs["user.note"] = (0..<Int.random(in: 0..<40, using: &random)).map { _ in 0x61 } }
            if chance(10) { entry.xattrs["trusted.note"] = [1, 2] }
        default: break
        }
        layer.append(entry)
    }

    private mutating func fill(_ directory: String, depth: Int, of layer: inout [Entry]) {
        for name in RandomChain.names.shuffled(using: &random).prefix(Int.random(in: 0...5, using: &random)) {
            let path = directory.isEmpty ? name : directory + "/" + name
            switch Int.random(in: 0..<100, using: &random) {
            case ..<45 where depth < 4:
                let isOpaque = chance(15)
                append(path, .directory(isOpaque: isOpaque), to: &layer)
                fill(path, depth: depth + 1, of: &layer)
            case ..<62:
                let seed = UInt8.random(in: 0...255, using: &random)
                append(path, .file((0..<Int.random(in: 0..<9_000, using: &random)).map { seed &+ UInt8($0 % 251) }), to: &layer)
            case ..<74:
                guard let target = layer.filter({ RandomChain.isLinkable($0.item) }).randomElement(using: &random) else { continue }
                append(path, .link(to: target.path), to: &layer)
            case ..<84: append(path, .whiteout, to: &layer)
            case ..<92: append(path, .symlink(String(repeating: "../", count: Int.random(in: 1...30, using: &random)) + name), to: &layer)
            case ..<96: append(path, .fifo, to: &layer)
            default: append(path, .device(major: 1, minor: Int64.random(in: 3...400, using: &random)), to: &layer)
            }
        }
    }

    private static func isLinkable(_ item: Item) -> Bool {
        switch item {
        case .directory, .whiteout, .link: false
        default: true
        }
    }
}

extension RandomChain {
    /// The TOC of a layer, each file in one chunk of a member of its own; no blob goes with it.
    public static func toc(of layer: [Entry]) -> TOC {
        var toc = TOC()
        var offset: Int64 = 0
        for entry in layer { toc.entries += entries(entry, &offset) }
        return toc
    }

    private static func entries(_ entry: Entry, _ offset: inout Int64) -> [TOCEntry] {
        let parent = entry.path.split(separator: "/").dropLast().map { $0 + "/" }.joined()
        let name = entry.path.split(separator: "/").last.map(String.init) ?? ""
        if entry.item == .whiteout { return [TOCEntry(name: parent + ".wh." + name, kind: .regular)] }
        var result = TOCEntry(name: entry.path, kind: kind(entry.item))
        (result.mode, result.uid, result.gid) = (entry.mode, entry.uid, entry.gid)
        result.modificationTime = TOCEntry.Time(seconds: entry.modified)
        result.xattrs = entry.xattrs
        switch entry.item {
        case .file(let content) where !content.isEmpty:
            result.size = Int64(content.count)
            result.digest = Digest.sha256(content)
            result.chunkDigest = result.digest
            result.offset = offset
            offset += 16_384
        case .symlink(let target), .link(let target): result.linkName = target
        case .device(let major, let minor): (result.deviceMajor, result.deviceMinor) = (major, minor)
        case .directory(isOpaque: true): return [result, TOCEntry(name: entry.path + "/.wh..wh..opq", kind: .regular)]
        default: break
        }
        return [result]
    }

    private static func kind(_ item: Item) -> TOCEntry.Kind {
        switch item {
        case .directory: .directory
        case .file, .whiteout: .regular
        case .symlink: .symlink
        case .link: .hardlink
        case .fifo: .fifo
        case .device: .character
        }
    }
}

/// SplitMix64: the same numbers for the same seed, on every machine.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
