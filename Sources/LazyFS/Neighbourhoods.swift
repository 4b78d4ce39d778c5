internal import TreeImage

/// Python packages that were named, whose other modules are worth a place on the link while it would carry little else: of an installed package
/// that is imported nearly all modules are read (of numpy's and scipy's, 95 of 100 bytes). One thread.
///
/// Two bounds keep them from being in the way: no more is under way than one round trip brings, and no more is asked for by neighbourhood than
/// was by name.
struct Neighbourhoods {
    private var packages: [(directory: TreeNode, tag: String)] = []
    private var known: Set<TreeNode> = []
    private var modules: ArraySlice<(module: PythonModules.Module, tag: String)> = []
    /// Compressed bytes that were asked for by name, and by neighbourhood.
    private var named: UInt64 = 0
    private var neighbouring: UInt64 = 0
    /// Compressed bytes that were asked for and have not come.
    private var underWay: UInt64 = 0

    /// What a link of 100 Mbit/s carries in a round trip of 40 ms.
    private static let pipe: UInt64 = 512 << 10

    /// A module of a directory was named.
    mutating func touch(_ directory: TreeNode, _ tag: String, _ modules: inout PythonModules) {
        guard known.insert(directory).inserted, !modules.isStandard(directory, tag) else { return }
        packages.append((directory, tag))
    }

    /// Something was asked for.
    mutating func asked(_ bytes: UInt64, byName: Bool) {
        underWay += bytes
        if byName { named += bytes } else { neighbouring += bytes }
    }

    /// It has come, or will not.
    mutating func ended(_ bytes: UInt64) { underWay -= min(bytes, underWay) }

    /// The module that may be asked for now; nil when there is none, or no room for it.
    mutating func next(_ listings: inout PythonModules) -> (module: PythonModules.Module, tag: String)? {
        guard underWay < Neighbourhoods.pipe, neighbouring <= named else { return nil }
        while modules.isEmpty, !packages.isEmpty {
            let (directory, tag) = packages.removeFirst()
            modules = listings.files(in: directory, tag: tag).map { ($0, tag) }[...]
        }
        return modules.popFirst()
    }
}
