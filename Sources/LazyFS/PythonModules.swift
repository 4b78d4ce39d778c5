internal import TreeImage

/// Where Python finds modules in a tree: directories, looked at once each. One thread.
struct PythonModules {
    /// A file that is a module, or a package's own.
    struct Module {
        var node: TreeNode
        var kind: Kind
        /// The package, or the root, that names in it are relative to.
        var directory: TreeNode
    }

    enum Kind {
        case compiled, source, `extension`
    }

    /// What a directory has of modules, by name.
    private struct Listing {
        var packages: [String: TreeNode] = [:]
        var sources: [String: TreeNode] = [:]
        var extensions: [String: TreeNode] = [:]
        /// What `__pycache__` has, by name and tag.
        var compiled: [String: TreeNode] = [:]

        func module(_ name: String, _ tag: String, in directory: TreeNode) -> Module? {
            if let node = extensions[name] { return Module(node: node, kind: .extension, directory: directory) }
            if let node = compiled["\(name).\(tag)"] { return Module(node: node, kind: .compiled, directory: directory) }
            return sources[name].map { Module(node: $0, kind: .source, directory: directory) }
        }
    }

    private let tree: LayerTree
    private var listings: [TreeNode: Listing] = [:]
    /// Directories of modules that belong to no package, the standard library's among them, by tag.
    private var roots: [String: [TreeNode]] = [:]

    /// Directories that are looked at; the largest collections have some thousand.
    private static let mostDirectories = 4096
    private static let deepestPackage = 16
    /// What is imported from a module is named right behind it, so only the last packages are looked into.
    private static let mostPackages = 4

    init(_ tree: LayerTree) { self.tree = tree }

    /// The tag of a version in names of compiled files: `cpython-311`.
    static func tag(ofCompiled name: String) -> String? {
        let parts = name.split(separator: ".")
        return parts.count == 3 && parts[1].hasPrefix("cpython-") && parts[2] == "pyc" ? String(parts[1]) : nil
    }

    /// What the interpreter of a tag loads before the program.
    static func startNames(_ tag: String) -> [String] {
        let late = ["encodings", "encodings.aliases", "encodings.utf_8", "sitecustomize", "usercustomize"]
        return hasFrozen(tag) ? late : frozen.sorted() + ["_bootlocale"] + late
    }

    /// Modules that the interpreter itself holds from 3.11 on.
    private static let frozen: Set<String> = [
        "abc", "codecs", "io", "_collections_abc", "_sitebuiltins", "genericpath", "ntpath", "posixpath", "os", "site", "stat", "runpy",
        "zipimport", "importlib.util", "importlib.machinery",
    ]

    /// What modules import although their files do not say so, or are not read: `importlib.util` is held, and what it imports is not.
    private static let unsaid = ["importlib.util": ["importlib._abc", "contextlib", "functools", "types", "warnings"]]
    /// What begins with this is a module that another one imports by a name that it computes.
    private static let computed = ["sysconfig": "_sysconfigdata_"]

    private static func hasFrozen(_ tag: String) -> Bool {
        tag.split(separator: "-").last.flatMap { Int($0.dropFirst()) }.map { $0 >= 11 } ?? false
    }

    /// Tag of a version in names of directories and programs (`python3.11`); nil for what names no minor version.
    static func tag(ofVersioned name: String) -> String? {
        minorVersion(name).map { "cpython-3\($0)" }
    }

    private static func minorVersion(_ name: String) -> Int? {
        name.hasPrefix("python3.") ? Int(name.dropFirst("python3.".count)) : nil
    }

    /// Tag of a standard library in the tree: of several, that of the `python3` which PATH has first, or the latest; nil when there is none.
    /// Looked for once.
    private(set) lazy var standardTag: String? = {
        let minors = minorVersions()
        for directory in ["/usr/local/bin", "/usr/bin"] {
            guard let program = tree.resolve(directory + "/python3") else { continue }
            if let minor = minors.first(where: { tree.resolve("\(directory)/python3.\($0)") == program }) { return "cpython-3\(minor)" }
        }
        return minors.max().map { "cpython-3\($0)" }
    }()

    private func minorVersions() -> Set<Int> {
        var minors: Set<Int> = []
        for path in PythonModules.prefixes {
            guard let directory = tree.resolve(path) else { continue }
            _ = tree.forEachEntry(in: directory, from: 0) { name, _, _, _ in
                if let minor = PythonModules.minorVersion(String(decoding: name, as: UTF8.self)) { minors.insert(minor) }
                return true
            }
        }
        return minors
    }

    private static let prefixes = ["/usr/lib", "/usr/local/lib"]

    /// Files of the modules that names may mean, with the packages around them.
    ///
    /// - Parameter directory: of the file that has the names; nil for none.
    mutating func files(named names: [String], tag: String, from directory: TreeNode?) -> [Module] {
        var places: [TreeNode] = []
        var package = directory
        for _ in 0..<PythonModules.deepestPackage {
            guard let here = package else { break }
            places.append(here)
            // The directory that is no package holds the outermost one.
            guard listing(here).sources["__init__"] != nil || listing(here).compiled["__init__." + tag] != nil else { break }
            package = tree.parent(of: here)
        }
        var found: [Module] = []
        // Names that follow may be of what is in these.
        var packages: [TreeNode] = []
        let isFrozen: (String) -> Bool = PythonModules.hasFrozen(tag) ? PythonModules.frozen.contains : { _ in false }
        for name in names.flatMap({ [$0] + (PythonModules.unsaid[$0] ?? []) }) where !isFrozen(name) {
            let parts = name.split(separator: ".").map(String.init)
            guard !parts.isEmpty else { continue }
            for place in places + packages + roots(having: parts[0], tag) { resolve(parts, in: place, tag, &found, &packages) }
            if let prefix = PythonModules.computed[name] {
                for root in roots(having: name, tag) { found += files(in: root, tag: tag) { $0.hasPrefix(prefix) } }
            }
        }
        return found
    }

    /// Files of the modules that lie in a package, those of its own packages not among them: by default of all but tests and set-up.
    mutating func files(in directory: TreeNode, tag: String, where isWanted: (String) -> Bool = { !PythonModules.isTest($0) }) -> [Module] {
        let here = listing(directory)
        let compiled = here.compiled.keys.filter { $0.hasSuffix("." + tag) }.map { String($0.dropLast(tag.count + 1)) }
        let names = Set(here.sources.keys).union(here.extensions.keys).union(compiled)
        return names.filter(isWanted).sorted().compactMap { here.module($0, tag, in: directory) }
    }

    private static func isTest(_ name: String) -> Bool {
        name == "setup" || name == "conftest" || name.split(separator: "_").contains { $0 == "test" || $0 == "tests" }
    }

    /// Whether a directory is a root, or a package of the standard library: of either, few modules are read together.
    mutating func isStandard(_ directory: TreeNode, _ tag: String) -> Bool {
        let roots = standardRoots(tag)
        if roots.contains(directory) { return true }
        var here = tree.parent(of: directory)
        for _ in 0..<PythonModules.deepestPackage {
            guard let root = here else { return false }
            if roots.contains(root) { return listing(root).sources["site"] != nil || listing(root).compiled["site." + tag] != nil }
            here = tree.parent(of: root)
        }
        return false
    }

    /// Where Python takes a name from: the first root with a module or a package of it; else all that have a directory of it, as parts of a
    /// package without a file of its own (PEP 420).
    private mutating func roots(having name: String, _ tag: String) -> [TreeNode] {
        var portions: [TreeNode] = []
        for root in standardRoots(tag) {
            let here = listing(root)
            if here.module(name, tag, in: root) != nil { return [root] }
            guard let package = here.packages[name] else { continue }
            if listing(package).module("__init__", tag, in: package) != nil { return [root] }
            portions.append(root)
        }
        return portions
    }

    private mutating func resolve(
        _ parts: [String], in place: TreeNode, _ tag: String, _ found: inout [Module], _ packages: inout [TreeNode]
    ) {
        var directory = place
        for (index, part) in parts.enumerated() {
            let here = listing(directory)
            if let package = here.packages[part] {
                if let module = listing(package).module("__init__", tag, in: package) { found.append(module) }
                directory = package
                guard index == parts.count - 1, !packages.contains(package) else { continue }
                packages.append(package)
                if packages.count > PythonModules.mostPackages { packages.removeFirst() }
            } else {
                guard index == parts.count - 1 else { return }
                if let module = here.module(part, tag, in: directory) { found.append(module) }
            }
        }
    }

    private mutating func standardRoots(_ tag: String) -> [TreeNode] {
        if let known = roots[tag] { return known }
        let version = "python3." + tag.dropFirst("cpython-3".count)
        var found: [TreeNode] = []
        for prefix in PythonModules.prefixes {
            for path in [
                "\(version)", "\(version)/lib-dynload", "\(version)/site-packages", "\(version)/dist-packages", "python3/dist-packages",
            ] {
                if let node = tree.resolve("\(prefix)/\(path)"), !found.contains(node) { found.append(node) }
            }
        }
        roots[tag] = found
        return found
    }

    private mutating func listing(_ directory: TreeNode) -> Listing {
        if let known = listings[directory] { return known }
        guard listings.count < PythonModules.mostDirectories else { return Listing() }
        var listing = Listing()
        var cache: TreeNode?
        _ = tree.forEachEntry(in: directory, from: 0) { bytes, node, type, _ in
            let name = String(decoding: bytes, as: UTF8.self)
            if type == FileIndex.directoryType {
                if name == "__pycache__" { cache = node } else { listing.packages[name] = node }
            } else if name.hasSuffix(".py") {
                listing.sources[String(name.dropLast(3))] = node
            } else if name.hasSuffix(".so"), let base = name.split(separator: ".").first {
                listing.extensions[String(base)] = node
            }
            return true
        }
        if let cache {
            _ = tree.forEachEntry(in: cache, from: 0) { bytes, node, _, _ in
                let name = String(decoding: bytes, as: UTF8.self)
                if PythonModules.tag(ofCompiled: name) != nil { listing.compiled[String(name.dropLast(4))] = node }
                return true
            }
        }
        listings[directory] = listing
        return listing
    }
}
