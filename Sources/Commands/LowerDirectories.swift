import LazyFS

/// The layers of an image, from the lowest on: lazy ones that follow each other become one directory.
struct LowerDirectories: Sendable {
    private enum Part {
        case lazy([LazyNode.Opened])
        case unpacked(String)
    }

    private var parts: [Part] = []
    private(set) var lazy: [LazyNode.Opened] = []

    mutating func add(_ layer: LazyNode.Opened) {
        lazy.append(layer)
        if case .lazy(let run)? = parts.last { parts[parts.count - 1] = .lazy(run + [layer]) } else { parts.append(.lazy([layer])) }
    }

    mutating func add(unpacked directory: String) { parts.append(.unpacked(directory)) }

    /// Topmost first, as overlayfs wants them.
    func directories(on node: LazyNode, _ start: ProgramStart?) throws -> [String] {
        var directories: [String] = []
        for (index, part) in parts.enumerated() {
            switch part {
            case .lazy(let run):
                // All of the image: others may show the same.
                let shown =
                    parts.count == 1 ? try node.sharedDirectories(of: run) : try node.lowerDirectories(of: run, keepsWhiteouts: index > 0)
                directories = shown + directories
                // While the runtime prepares the container, what it will read first is on its way.
                if let start { try node.expect(start, of: run) }
            case .unpacked(let directory): directories.insert(directory, at: 0)
            }
        }
        return directories
    }
}
