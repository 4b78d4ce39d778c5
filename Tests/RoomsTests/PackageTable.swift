import FoundationEssentials

/// The table of rooms as Package.swift states it.
struct PackageTable {
    /// Modules that each room may import.
    let rooms: [String: Set<String>]
    /// Targets of C, which import nothing of ours.
    let edges: Set<String>

    /// Reads the manifest's text: `room("Name", […])`, `.executableTarget(name: "Name", dependencies: […])`.
    init(_ manifest: String) {
        let products = PackageTable.products(manifest)
        var rooms: [String: Set<String>] = [:]
        for start in ["room(", ".executableTarget("] {
            for call in PackageTable.calls(start, in: manifest) {
                guard let name = PackageTable.quoted(call).first else { continue }
                let list = call.firstIndex(of: "[").map { call[$0...].prefix { $0 != "]" } } ?? ""
                let words = list.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init)
                rooms[name] = Set(words.map { products[$0] ?? $0 })
            }
        }
        self.rooms = rooms
        let cTargets = PackageTable.calls(".target(", in: manifest).filter { !$0.contains("path:") && !$0.contains("dependencies") }
        edges = Set((PackageTable.calls("library(", in: manifest) + cTargets).compactMap { PackageTable.quoted($0).first })
    }

    /// `let log: Target.Dependency = .product(name: "Logging", …)` by variable.
    private static func products(_ manifest: String) -> [String: String] {
        var products: [String: String] = [:]
        for line in manifest.split(separator: "\n") where line.hasPrefix("let ") && line.contains(".product(name:") {
            let variable = line.dropFirst(4).prefix { $0.isLetter || $0.isNumber }
            products[String(variable)] = quoted(line).first
        }
        return products
    }

    /// Arguments of each call at a line's beginning, up to the parenthesis that closes it.
    private static func calls(_ start: String, in manifest: String) -> [Substring] {
        var found: [Substring] = []
        for line in manifest.split(separator: "\n") {
            let trimmed = line.drop { $0 == " " }
            guard trimmed.hasPrefix(start) else { continue }
            var depth = 1
            let arguments = manifest[trimmed.startIndex...].dropFirst(start.count).prefix { character in
                if character == "(" { depth += 1 }
                if character == ")" { depth -= 1 }
                return depth > 0
            }
            found.append(arguments)
        }
        return found
    }

    private static func quoted(_ text: Substring) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
}

/// An import declaration and where it stands.
struct ImportLine {
    let module: String
    let line: Int

    /// Modules of the toolchain, which every room may use.
    static let everywhere: Set<String> = ["Swift", "Glibc", "Synchronization", "FoundationEssentials", "_Concurrency", "_StringProcessing"]

    private static let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias", "actor"]

    /// All imports of a file.
    static func all(in text: String) -> [ImportLine] {
        var alternatives = Alternatives()
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { number, line in
            guard alternatives.isTaken(line) else { return nil }
            var words = line.split { $0 == " " || $0 == "\t" }[...]
            while let word = words.first, word.hasPrefix("@") || ["public", "internal", "private", "fileprivate", "package"].contains(word)
            {
                words = words.dropFirst()
            }
            guard words.popFirst() == "import" else { return nil }
            if let word = words.first, kinds.contains(word) { words = words.dropFirst() }
            guard let module = words.first?.split(separator: ".").first else { return nil }
            return ImportLine(module: String(module), line: number + 1)
        }
    }

    /// What generated code does: `#if canImport(FoundationEssentials)`, and in the `#else` that never comes here, full Foundation.
    private struct Alternatives {
        private var isInFoundation = false
        private var isPassedOver = false

        mutating func isTaken(_ line: Substring) -> Bool {
            switch line {
            case "#if canImport(FoundationEssentials)": isInFoundation = true
            case "#else": isPassedOver = isInFoundation
            case "#endif": (isInFoundation, isPassedOver) = (false, false)
            default: break
            }
            return !isPassedOver
        }
    }
}

/// The files of the package that this test was compiled in.
enum Repository {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func read(_ path: String) throws -> String { try String(contentsOf: root.appending(path: path), encoding: .utf8) }

    static func entries(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: directory).path).filter { !$0.hasPrefix(".") }.sorted()
    }

    /// Swift files of a folder and those below it.
    static func swiftFiles(_ directory: String) throws -> [String] {
        var files: [String] = []
        for name in try entries(directory) {
            let path = directory + "/" + name
            if name.hasSuffix(".swift") {
                files.append(path)
            } else if !name.contains(".") {
                files += try swiftFiles(path)
            }
        }
        return files
    }
}
