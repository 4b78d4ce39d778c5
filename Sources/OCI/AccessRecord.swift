/// Files of an image in the order in which they were read: JSON lines, as the reference's optimizer reads and writes them.
public struct AccessRecord: Equatable, Sendable {
    /// The files; one that was read in several layers is listed for each, and one that was read in parts as often as there are parts.
    public var accesses: [FileAccess]

    /// How many files it names.
    public var fileCount: Int { Set(accesses.map(Name.init)).count }

    private struct Name: Hashable {
        let layer: Int?
        let path: String

        init(_ access: FileAccess) { (layer, path) = (access.layerIndex, access.path) }
    }

    /// Lines at most; a start touches thousands of files, not millions.
    public static let maximumCount = 1_000_000

    /// A record of these files.
    public init(_ accesses: [FileAccess]) { self.accesses = accesses }

    /// Reads a record; empty lines mean nothing.
    ///
    /// - Parameter path: of the file, for messages.
    /// - Throws: `AccessRecordError`.
    public init(parsing text: String, path: String) throws(AccessRecordError) {
        accesses = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        where !line.allSatisfy(\.isWhitespace) {
            do {
                accesses.append(try Documents.decode(FileAccess.self, from: Array(line.utf8), what: "access"))
            } catch {
                throw .line(path: path, line: number + 1, reason: "\(error)")
            }
            guard accesses.count <= AccessRecord.maximumCount else { throw .tooMany(path: path) }
        }
    }

    /// The record as it is written.
    public func lines() throws -> [UInt8] {
        try accesses.reduce(into: []) { bytes, access in
            bytes += try Documents.encode(access)
            bytes.append(UInt8(ascii: "\n"))
        }
    }
}

/// Why a record cannot be used.
public enum AccessRecordError: Error, Equatable, CustomStringConvertible {
    /// A line is not what it should be.
    case line(path: String, line: Int, reason: String)
    /// More lines than are accepted.
    case tooMany(path: String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .line(let path, let line, let reason):
            "\(path):\(line): not an access record: \(reason); expected {\"path\": …, \"manifestDigest\": …, \"layerIndex\": n}"
        case .tooMany(let path): "\(path): more than the \(AccessRecord.maximumCount) entries that are accepted"
        }
    }
}
