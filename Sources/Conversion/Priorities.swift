internal import Digests
internal import OCI
internal import Synchronization

/// Which files of an image are wanted first, and in which order: from a list of patterns, or from a record of accesses.
public final class Priorities: Sendable {
    /// One file or pattern.
    private struct Wish: Sendable {
        var pattern: PathPattern
        /// The layer that it is about; nil for every layer that has it.
        var layer: Int?
        /// The source's manifest that it is about; nil for any.
        var manifest: Digest?
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

    /// Reads a record: JSON lines `{"path": …, "manifestDigest": …, "layerIndex": n}` in order of first access, as the reference's optimizer
    /// writes them.
    ///
    /// - Parameter path: of the file, for messages.
    public init(record text: String, path: String) throws(PrioritiesError) {
        var wishes: [Wish] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        where !line.allSatisfy(\.isWhitespace) {
            do {
                let access = try Documents.decode(Access.self, from: Array(line.utf8), what: "access")
                wishes.append(Wish(pattern: PathPattern(literal: access.path), layer: access.layerIndex, manifest: access.manifestDigest))
            } catch {
                throw .record(path: path, line: number + 1, reason: "\(error)")
            }
            guard wishes.count <= Priorities.maximumCount else { throw .tooMany(path: path) }
        }
        self.wishes = wishes
    }

    private struct Access: Decodable {
        var path: String
        var manifestDigest: Digest?
        var layerIndex: Int?
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    /// The names of a layer that are wanted, first wanted first, each once.
    ///
    /// - Parameters:
    ///   - names: cleaned, in tar order.
    ///   - layer: place in the image, lowest layer 0.
    ///   - manifest: digest of the source's manifest.
    func choose(from names: [String], layer: Int, manifest: Digest) -> [String] {
        var chosen: [String] = []
        var seen: Set<String> = []
        let known = Set(names)
        for (index, wish) in wishes.enumerated() {
            guard wish.layer == nil || wish.layer == layer, wish.manifest == nil || wish.manifest == manifest else { continue }
            let matches = wish.pattern.literal.map { known.contains($0) ? [$0] : [] } ?? names.filter(wish.pattern.matches)
            guard !matches.isEmpty else { continue }
            fulfilled.withLock { _ = $0.insert(index) }
            for name in matches where seen.insert(name).inserted { chosen.append(name) }
        }
        return chosen
    }

    /// What no layer had so far, as it was written.
    public var unfulfilled: [String] {
        let fulfilled = fulfilled.withLock { $0 }
        return wishes.indices.filter { !fulfilled.contains($0) }.map { wishes[$0].pattern.description }
    }
}

/// Why a prefetch list or a record cannot be used.
public enum PrioritiesError: Error, Equatable, CustomStringConvertible {
    /// A line of a record is not what it should be.
    case record(path: String, line: Int, reason: String)
    /// More entries than are accepted.
    case tooMany(path: String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .record(let path, let line, let reason):
            "\(path):\(line): not an access record: \(reason); expected {\"path\": …, \"manifestDigest\": …, \"layerIndex\": n}"
        case .tooMany(let path): "\(path): more than the \(Priorities.maximumCount) entries that are accepted"
        }
    }
}
