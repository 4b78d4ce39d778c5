internal import Digests
public import OCI
internal import Synchronization

/// Which files of an image are wanted first, and in which order: from a list of patterns, or from a record of accesses.
public final class Priorities: Sendable {
    /// One file or pattern.
    fileprivate struct Wish: Sendable {
        var pattern: PathPattern
        /// The layer that it is about; nil for every layer that has it.
        var layer: Int?
        /// The source's manifest that it is about; nil for any.
        var manifest: Digest?
        /// What of the file is wanted; nil for all.
        var ranges: [Range<Int64>]?
    }

    /// A name of a layer that is wanted at a time, and what of it; nil for all.
    struct Choice: Equatable {
        var name: String
        var ranges: [Range<Int64>]?
    }

    /// Wishes at most; a start touches thousands of files, not millions.
    public static let maximumCount = 1_000_000

    private let wishes: [Wish]
    private let fulfilled = Mutex<Set<Int>>([])

    /// Reads a prefetch list: a path or glob a line, first wanted first; empty lines and lines that begin with `#` mean nothing.
    ///
    /// - Parameter path: of the file, for messages.
    public init(list text: String, path: String) throws(PrioritiesError) {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }
        wishes = lines.filter { !$0.isEmpty && !$0.hasPrefix("#") }.map { Wish(pattern: PathPattern(Priorities.trimmed($0))) }
        guard wishes.count <= Priorities.maximumCount else { throw .tooMany(path: path) }
    }

    /// What a record lists, in its order.
    public init(_ record: AccessRecord) { wishes = record.accesses.map(Wish.init) }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    /// The names of a layer that are wanted, first wanted first: each once, or as often as parts of it are wanted.
    ///
    /// - Parameters:
    ///   - names: cleaned, in tar order.
    ///   - layer: place in the image, lowest layer 0.
    ///   - manifest: digest of the source's manifest.
    func choose(from names: [String], layer: Int, manifest: Digest) -> [Choice] {
        var chosen: [Choice] = []
        // Names that are wanted as a whole, sooner or later.
        var whole: Set<String> = []
        let known = Set(names)
        for (index, wish) in wishes.enumerated() {
            guard wish.layer == nil || wish.layer == layer, wish.manifest == nil || wish.manifest == manifest else { continue }
            let matches = wish.pattern.literal.map { known.contains($0) ? [$0] : [] } ?? names.filter(wish.pattern.matches)
            guard !matches.isEmpty else { continue }
            fulfilled.withLock { _ = $0.insert(index) }
            for name in matches where !whole.contains(name) {
                if wish.ranges == nil { whole.insert(name) }
                chosen.append(Choice(name: name, ranges: wish.ranges))
            }
        }
        var placed: Set<String> = []
        return chosen.compactMap { choice in
            guard whole.contains(choice.name) else { return choice }
            return placed.insert(choice.name).inserted ? Choice(name: choice.name) : nil
        }
    }

    /// What no layer had so far, as it was written.
    public var unfulfilled: [String] {
        let fulfilled = fulfilled.withLock { $0 }
        return wishes.indices.filter { !fulfilled.contains($0) }.map { wishes[$0].pattern.description }
    }
}

extension Priorities.Wish {
    fileprivate init(_ access: FileAccess) {
        self.init(
            pattern: PathPattern(literal: access.path), layer: access.layerIndex, manifest: access.manifestDigest,
            ranges: access.ranges.map { spans in
                spans.filter { $0.offset >= 0 && $0.size > 0 }.map { $0.offset..<$0.offset + min($0.size, .max - $0.offset) }
            })
    }
}

/// Why a prefetch list cannot be used.
public enum PrioritiesError: Error, Equatable, CustomStringConvertible {
    /// More entries than are accepted.
    case tooMany(path: String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .tooMany(let path): "\(path): more than the \(Priorities.maximumCount) entries that are accepted"
        }
    }
}
