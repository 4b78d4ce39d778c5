internal import Glibc

/// A path of a TOC as the names that it is made of, without empty ones and `.`; leading and trailing slashes mean nothing.
///
/// Borrows the path's bytes, and allocates nothing: a layer has a hundred thousand.
struct EntryPath {
    /// Longest path that Linux opens, in bytes (PATH_MAX without its zero).
    private static let longestPath = 4095
    /// Longest name in a directory, in bytes (NAME_MAX).
    private static let longestName = 255

    private let bytes: UnsafeRawBufferPointer
    /// Where the last name is; empty for the root directory.
    private let last: Range<Int>

    /// - Throws: `TreeImageError.entry`, naming `entry`, for a path that leads out of its directory or that Linux cannot open.
    init(_ bytes: UnsafeRawBufferPointer, of entry: @autoclosure () -> String) throws(TreeImageError) {
        guard bytes.count <= EntryPath.longestPath else {
            throw .entry(path: entry(), "the path is longer than \(EntryPath.longestPath) bytes")
        }
        if let base = bytes.baseAddress, memchr(base, 0, bytes.count) != nil { throw .entry(path: entry(), "the path has a zero byte") }
        var last = 0..<0
        var names = Names(bytes)
        while let name = names.nextRange() {
            guard name.count <= EntryPath.longestName else {
                throw .entry(path: entry(), "a name is longer than \(EntryPath.longestName) bytes")
            }
            guard name.count != 2 || bytes[name.lowerBound] != Names.dot || bytes[name.lowerBound + 1] != Names.dot else {
                throw .entry(path: entry(), "the path leads out of its directory (\"..\")")
            }
            last = name
        }
        self.bytes = bytes
        self.last = last
    }

    /// The last name; nil for the root directory.
    var name: UnsafeRawBufferPointer? { last.isEmpty ? nil : UnsafeRawBufferPointer(rebasing: bytes[last]) }
    /// The path's bytes before its last name, as they are spelled.
    var directory: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[..<last.lowerBound]) }
    /// Whether the last name is the only one.
    var isInRoot: Bool {
        var names = Names(directory)
        return names.nextRange() == nil
    }

    /// The names of some bytes of a path, one after the other.
    struct Names: Sequence, IteratorProtocol {
        fileprivate static let dot = UInt8(ascii: ".")
        private static let slash = UInt8(ascii: "/")
        private let bytes: UnsafeRawBufferPointer
        private var position = 0

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        mutating func next() -> UnsafeRawBufferPointer? { nextRange().map { UnsafeRawBufferPointer(rebasing: bytes[$0]) } }

        fileprivate mutating func nextRange() -> Range<Int>? {
            while position < bytes.count {
                let start = position
                while position < bytes.count, bytes[position] != Names.slash { position += 1 }
                let name = start..<position
                position += 1
                if !name.isEmpty, name.count > 1 || bytes[start] != Names.dot { return name }
            }
            return nil
        }
    }
}
