/// A path or a glob over paths of an image: `*` and `?` within a name, `[a-z]` and `[!a-z]` for one byte, `**` for any number of
/// directories, `\` before a character that is meant itself. Paths are compared as bytes, without leading slashes and `./`.
public struct PathPattern: Sendable, Equatable, CustomStringConvertible {
    /// The pattern as it was written.
    public let description: String
    /// The cleaned path, when the pattern is one and nothing in it is special.
    let literal: String?
    private let names: [[UInt8]]

    /// Parses a pattern; every text is one.
    public init(_ text: String) {
        description = text
        names = PathPattern.names(text)
        literal = text.utf8.contains { "*?[\\".utf8.contains($0) } ? nil : PathPattern.joined(names)
    }

    /// A path in which no character is special.
    init(literal path: String) {
        description = path
        names = PathPattern.names(path)
        literal = PathPattern.joined(names)
    }

    private static func names(_ path: String) -> [[UInt8]] {
        path.utf8.split(separator: UInt8(ascii: "/")).map(Array.init).filter { $0 != [UInt8(ascii: ".")] }
    }

    private static func joined(_ names: [[UInt8]]) -> String {
        String(decoding: Array(names.joined(separator: [UInt8(ascii: "/")])), as: UTF8.self)
    }

    /// Whether a path, cleaned of slashes at its ends, matches as a whole.
    public func matches(_ path: String) -> Bool {
        if let literal { return path == literal && !literal.isEmpty }
        let path = path.utf8.split(separator: UInt8(ascii: "/")).map(Array.init)
        // Which beginnings of the path match the pattern so far; a table instead of recursion, which `**/**/**` would blow up.
        var reachable = [true] + [Bool](repeating: false, count: path.count)
        for name in names {
            var next = [Bool](repeating: false, count: path.count + 1)
            if name == PathPattern.anyDirectories {
                var isReached = false
                for index in reachable.indices {
                    isReached = isReached || reachable[index]
                    next[index] = isReached
                }
            } else {
                for index in path.indices where reachable[index] && PathPattern.matches(name[...], path[index][...]) {
                    next[index + 1] = true
                }
            }
            reachable = next
        }
        return reachable[path.count] && !names.isEmpty
    }

    private static let anyDirectories = Array("**".utf8)

    /// One name against one pattern without slashes. On a mismatch the last `*` takes one byte more: linear in practice, quadratic at worst.
    private static func matches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        var (pattern, name) = (pattern, name)
        var star: (pattern: ArraySlice<UInt8>, name: ArraySlice<UInt8>)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                star = (pattern, name)
            } else if let byte = name.first, let rest = takeOne(pattern, byte) {
                pattern = rest
                name = name.dropFirst()
            } else if name.isEmpty, pattern.isEmpty {
                return true
            } else if let last = star, !last.name.isEmpty {
                star = (last.pattern, last.name.dropFirst())
                (pattern, name) = (last.pattern, last.name.dropFirst())
            } else {
                return false
            }
        }
    }

    /// What is left of a pattern when its first element takes a byte; nil when it does not.
    private static func takeOne(_ pattern: ArraySlice<UInt8>, _ byte: UInt8) -> ArraySlice<UInt8>? {
        guard let first = pattern.first else { return nil }
        switch first {
        case UInt8(ascii: "?"): return pattern.dropFirst()
        case UInt8(ascii: "["):
            guard let (isInside, rest) = set(pattern.dropFirst(), byte) else { return byte == first ? pattern.dropFirst() : nil }
            return isInside ? rest : nil
        case UInt8(ascii: "\\") where pattern.count > 1:
            return pattern.dropFirst().first == byte ? pattern.dropFirst(2) : nil
        default: return first == byte ? pattern.dropFirst() : nil
        }
    }

    /// A set in brackets: whether it holds the byte, and what follows it; nil when the bracket is never closed and so stands for itself.
    private static func set(_ pattern: ArraySlice<UInt8>, _ byte: UInt8) -> (Bool, ArraySlice<UInt8>)? {
        var rest = pattern
        let isInverted = rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^")
        if isInverted { rest = rest.dropFirst() }
        var isFound = false
        var isFirst = true
        while let low = rest.first {
            rest = rest.dropFirst()
            // A bracket right at the beginning is a member.
            if low == UInt8(ascii: "]"), !isFirst { return (isFound != isInverted, rest) }
            isFirst = false
            var high = low
            if rest.first == UInt8(ascii: "-"), let end = rest.dropFirst().first, end != UInt8(ascii: "]") {
                high = end
                rest = rest.dropFirst(2)
            }
            if low <= byte, byte <= high { isFound = true }
        }
        return nil
    }
}
