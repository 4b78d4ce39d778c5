internal import EROFS
internal import Glibc

/// A merge at work: the directories of the result one after the other, the root first, each from the directories of the layers that it shows.
///
/// Flat tables only. A directory's names come sorted from every layer, so that sorting them together is little more than merging.
struct ChainMerge {
    /// A directory of one layer.
    private struct Source {
        var layer: Int32
        var node: TreeNode
    }

    /// A directory of the result, its names still to come.
    private struct Directory {
        var number: Int
        /// The layers' directories that it shows, the topmost first; in `sources`.
        var sources: Range<Int>
        /// Whether nothing of what is below the chain shows in it.
        var isClosed: Bool
    }

    /// A name in one source of the directory that is being merged.
    private struct Candidate {
        var name: UnsafeRawBufferPointer
        /// Position of its source: the lowest number wins.
        var rank: Int32
        var layer: Int32
        var node: TreeNode
    }

    private let layers: [LayerTree]
    /// The layers' images: what is asked for every file, without counting references.
    private let images: [EROFSImage]
    /// How many content devices come before each layer's.
    private var devicesBefore: [Int] = []
    private let keepsWhiteouts: Bool
    /// Most names of all layers together: as many as one layer may have files.
    private let maximumNames: Int
    /// Most names that the layers can have: a damaged tree that leads in circles shows more.
    private let possibleNames: Int

    private var tree = EROFSTree()
    private var directories: [Directory] = []
    private var sources: [Source] = []
    private var candidates: [Candidate] = []
    private var nameCount = 0
    /// Nodes of the result by layer and node, for files of several names.
    private var linked: [UInt64: Int] = [:]

    init(_ layers: [LayerTree], keepsWhiteouts: Bool, maximumNames: Int = TreeBuilder.maximumNodes) {
        self.layers = layers
        images = layers.map(\.image)
        self.keepsWhiteouts = keepsWhiteouts
        self.maximumNames = maximumNames
        possibleNames = images.reduce(0) { $0 + $1.maximumNames }
    }

    /// The merged tree; to be called once.
    mutating func run() throws(TreeImageError) -> EROFSTree {
        for layer in layers {
            devicesBefore.append(tree.contentSizes.count)
            for device in 0..<layer.deviceCount { tree.contentSizes.append(layer.contentSize(ofDevice: device + 1) ?? 0) }
        }
        guard tree.contentSizes.count <= EROFSTree.maximumDevices else {
            throw .tree("the chain has \(tree.contentSizes.count) content files; \(EROFSTree.maximumDevices) can be merged")
        }
        tree.reserveCapacity(Int(min(layers.reduce(0) { $0 &+ $1.inodeCount }, UInt64(maximumNames))))
        for (index, layer) in layers.enumerated().reversed() { sources.append(Source(layer: Int32(index), node: layer.root)) }
        let root = try copy(sources[0].node, of: sources[0].layer, opaque: false)
        directories.append(Directory(number: root, sources: sources.indices, isClosed: false))
        var next = 0
        while next < directories.count {
            try merge(directories[next])
            next += 1
        }
        return tree
    }

    private mutating func merge(_ directory: Directory) throws(TreeImageError) {
        try gather(directory)
        var first = 0
        while first < candidates.count {
            var end = first + 1
            while end < candidates.count, EROFSDirent.compare(candidates[first].name, candidates[end].name) == 0 { end += 1 }
            try place(first..<end, in: directory)
            first = end
        }
    }

    /// Fills `candidates` with the names of all sources, sorted; the topmost of each name first.
    private mutating func gather(_ directory: Directory) throws(TreeImageError) {
        candidates.removeAll(keepingCapacity: true)
        for position in directory.sources {
            let source = sources[position]
            let rank = Int32(position - directory.sources.lowerBound)
            var last = UnsafeRawBufferPointer(start: nil, count: 0)
            var isRight = true
            _ = images[Int(source.layer)].inode(source.node)?.forEachEntry(from: 0) { entry, _ in
                isRight = ChainMerge.isName(entry.name) && EROFSDirent.compare(last, entry.name) < 0
                last = entry.name
                if !ChainMerge.isDots(entry.name) {
                    candidates.append(Candidate(name: entry.name, rank: rank, layer: source.layer, node: entry.node))
                }
                return isRight && nameCount + candidates.count <= min(maximumNames, possibleNames)
            }
            guard isRight else {
                throw .damaged(path: layers[Int(source.layer)].path, "a directory has names that are none, or not in order")
            }
        }
        nameCount += candidates.count
        guard nameCount <= possibleNames else { throw .tree("a damaged tree leads in circles") }
        guard nameCount <= maximumNames else { throw .tree("the layers have more than \(maximumNames) files together") }
        guard directory.sources.count > 1 else { return }
        candidates.sort { left, right in
            let order = EROFSDirent.compare(left.name, right.name)
            return order < 0 || order == 0 && left.rank < right.rank
        }
    }

    /// Puts what the candidates of one name make into a directory of the result.
    private mutating func place(_ range: Range<Int>, in directory: Directory) throws(TreeImageError) {
        let top = candidates[range.lowerBound]
        let inode = try inode(top.node, of: top.layer)
        if inode.isWhiteout, !keepsWhiteouts || directory.isClosed { return }
        guard inode.isDirectory else {
            return tree.link(try file(inode, top), in: directory.number, name: top.name)
        }
        let start = sources.count
        var isOpaque = false
        for position in range where !isOpaque {
            let candidate = candidates[position]
            let inode = try self.inode(candidate.node, of: candidate.layer)
            if inode.isDirectory { sources.append(Source(layer: candidate.layer, node: candidate.node)) }
            // A whiteout, or a file that was replaced, hides what lies below it.
            isOpaque = !inode.isDirectory || inode.isOpaque
        }
        let number = try copy(top.node, of: top.layer, opaque: isOpaque && keepsWhiteouts && !directory.isClosed)
        tree.link(number, in: directory.number, name: top.name)
        directories.append(Directory(number: number, sources: start..<sources.count, isClosed: directory.isClosed || isOpaque))
    }

    /// The node of a file of a layer, made with its first name.
    private mutating func file(_ inode: EROFSInode, _ candidate: Candidate) throws(TreeImageError) -> Int {
        guard inode.linkCount > 1 else { return try copy(candidate.node, of: candidate.layer, opaque: false) }
        // An image has fewer than 2^39 nodes, and a chain fewer than 2^16 layers.
        let key = UInt64(candidate.layer) << 48 | candidate.node
        if let number = linked[key] { return number }
        let number = try copy(candidate.node, of: candidate.layer, opaque: false)
        linked[key] = number
        return number
    }

    private mutating func copy(_ node: TreeNode, of layer: Int32, opaque: Bool) throws(TreeImageError) -> Int {
        let inode = try inode(node, of: layer)
        do {
            return try tree.append(
                copying: inode, devicesBefore: devicesBefore[Int(layer)], setting: OverlayMarks.opaque.name,
                to: opaque ? OverlayMarks.opaque.value : nil)
        } catch {
            throw .damaged(path: layers[Int(layer)].path, error.description)
        }
    }

    private func inode(_ node: TreeNode, of layer: Int32) throws(TreeImageError) -> EROFSInode {
        guard let inode = images[Int(layer)].inode(node) else {
            throw .damaged(path: layers[Int(layer)].path, "a name leads nowhere")
        }
        return inode
    }

    private static func isName(_ name: UnsafeRawBufferPointer) -> Bool {
        guard let base = name.baseAddress, (1...255).contains(name.count) else { return false }
        return memchr(base, 0, name.count) == nil && memchr(base, Int32(UInt8(ascii: "/")), name.count) == nil
    }

    static func isDots(_ name: UnsafeRawBufferPointer) -> Bool {
        name.count <= 2 && name.allSatisfy { $0 == UInt8(ascii: ".") }
    }
}
