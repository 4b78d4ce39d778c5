/// What a program or shared library names that it needs before its first instruction runs: its loader and libraries.
///
/// The kernel and the loader read these one after the other, each a round trip to the registry; whoever reads the names can ask for all at once.
/// A guess and no more: what is not understood needs nothing. Pure. Source: elf(5) and the System V ABI, chapters 4 and 5; only 64-bit
/// little-endian files.
public struct ELFNeeds: Equatable, Sendable {
    /// Absolute path of the loader; nil when none is named.
    public var interpreter: String?
    /// Names of libraries (`DT_NEEDED`), in the file's order.
    public var libraries: [String] = []
    /// Directories to look for them first (`DT_RUNPATH`, else `DT_RPATH`); `$ORIGIN` is the file's own.
    public var searchPath: [String] = []

    /// What reading a file has come to.
    public enum Outcome: Equatable, Sendable {
        case needs(ELFNeeds)
        /// Bytes of the file that are not here and would tell more.
        case wants(Range<UInt64>)
        /// Not a file that names anything.
        case nothing
    }

    /// Longest name or path that is believed, in bytes.
    private static let longestName = 255
    /// Libraries that are believed; real programs name up to some hundred.
    private static let maximumLibraries = 256
    /// Program headers, the dynamic section and the string table are believed up to these sizes, in bytes.
    private static let maximumHeaders: UInt64 = 64 << 10
    private static let maximumDynamic: UInt64 = 64 << 10
    private static let maximumStrings: UInt64 = 4 << 20

    private static let headerSize: UInt64 = 64
    private static let programHeaderSize = 56
    private enum Segment {
        static let load: UInt32 = 1
        static let dynamic: UInt32 = 2
        static let interpreter: UInt32 = 3
    }
    private enum Tag {
        static let end: UInt64 = 0
        static let needed: UInt64 = 1
        static let stringTable: UInt64 = 5
        static let stringTableSize: UInt64 = 10
        static let searchPaths: [UInt64] = [15, 29]
    }

    /// Whether bytes begin as an ELF file does.
    public static func isELF(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= Int(headerSize) && bytes.loadUnaligned(as: UInt32.self) == UInt32(littleEndian: 0x464c_457f)
    }

    /// Reads a file.
    ///
    /// - Parameter bytes: the bytes of a range of the file; nil when they are not here.
    public static func read(_ bytes: @escaping (Range<UInt64>) -> [UInt8]?) -> Outcome {
        let reader = Reader(bytes: bytes)
        do throws(Missing) {
            return try reader.needs().map(Outcome.needs) ?? .nothing
        } catch {
            return .wants(error.range)
        }
    }

    private struct Missing: Error {
        let range: Range<UInt64>
    }

    private struct Reader {
        let bytes: (Range<UInt64>) -> [UInt8]?

        func part(_ start: UInt64, _ size: UInt64) throws(Missing) -> [UInt8] {
            let range = start..<start + size
            guard let part = bytes(range), part.count == Int(size) else { throw Missing(range: range) }
            return part
        }

        func needs() throws(Missing) -> ELFNeeds? {
            let header = try part(0, headerSize)
            guard header.withUnsafeBytes(isELF), header[4] == 2, header[5] == 1 else { return nil }
            let (table, size) = (header.word(32), UInt64(header.word16(56)) * UInt64(programHeaderSize))
            guard Int(header.word16(54)) == programHeaderSize, size > 0, size <= maximumHeaders, table <= UInt64.max - size else {
                return nil
            }
            let headers = try part(table, size)
            var loads: [(address: UInt64, offset: UInt64, size: UInt64)] = []
            var dynamic: (offset: UInt64, size: UInt64)?
            var found = ELFNeeds()
            for base in stride(from: 0, to: headers.count, by: programHeaderSize) {
                let (offset, size) = (headers.word(base + 8), headers.word(base + 32))
                guard offset <= UInt64.max - size else { return nil }
                switch UInt32(truncatingIfNeeded: headers.word(base)) {
                case Segment.load: loads.append((headers.word(base + 16), offset, size))
                case Segment.dynamic: dynamic = (offset, size)
                case Segment.interpreter where size > 1 && size <= UInt64(longestName):
                    found.interpreter = try part(offset, size).text(at: 0)
                default: break
                }
            }
            if let dynamic, dynamic.size <= maximumDynamic { (found.libraries, found.searchPath) = try libraries(dynamic, loads) }
            return found
        }

        func libraries(
            _ dynamic: (offset: UInt64, size: UInt64), _ loads: [(address: UInt64, offset: UInt64, size: UInt64)]
        ) throws(Missing) -> (names: [String], searchPath: [String]) {
            let section = try part(dynamic.offset, dynamic.size)
            var names: [UInt64] = []
            var path: UInt64?
            var (address, size): (UInt64, UInt64) = (0, 0)
            for base in stride(from: 0, to: section.count - 15, by: 16) {
                let value = section.word(base + 8)
                switch section.word(base) {
                case Tag.needed where names.count < maximumLibraries: names.append(value)
                case let tag where Tag.searchPaths.contains(tag): path = value
                case Tag.stringTable: address = value
                case Tag.stringTableSize: size = value
                default: break
                }
                if section.word(base) == Tag.end { break }
            }
            // An address in memory, which a loaded segment maps to a place in the file.
            guard !names.isEmpty, size > 0, size <= maximumStrings,
                let load = loads.first(where: { address >= $0.address && address - $0.address < $0.size })
            else { return ([], []) }
            let start = load.offset + (address - load.address)
            guard start <= UInt64.max - size else { return ([], []) }
            let strings = try part(start, size)
            func text(_ offset: UInt64) -> String? { offset < UInt64(strings.count) ? strings.text(at: Int(offset)) : nil }
            return (names.compactMap(text), path.flatMap(text)?.split(separator: ":").map(String.init) ?? [])
        }
    }
}

extension [UInt8] {
    fileprivate func word(_ offset: Int) -> UInt64 {
        withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }

    fileprivate func word16(_ offset: Int) -> UInt16 {
        withUnsafeBytes { UInt16(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt16.self)) }
    }

    /// The text up to the next zero; nil when there is none within 255 bytes, or nothing before it.
    fileprivate func text(at offset: Int) -> String? {
        let rest = self[offset...].prefix(256)
        guard let end = rest.firstIndex(of: 0), end > rest.startIndex else { return nil }
        return String(decoding: rest[..<end], as: UTF8.self)
    }
}
