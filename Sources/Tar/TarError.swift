/// Why bytes are not a tar archive that can be read. Offsets are bytes of the uncompressed archive.
public enum TarError: Error, Equatable, CustomStringConvertible {
    /// The archive ends inside an entry; nil when its name is not known yet.
    case truncated(entry: String?, offset: UInt64)
    /// A header block's checksum does not match.
    case checksum(offset: UInt64)
    /// A header field is no number.
    case number(field: String, entry: String, offset: UInt64)
    /// A size is negative or beyond what can be added up.
    case size(entry: String, offset: UInt64)
    /// An extended header is damaged.
    case extendedHeader(reason: String, offset: UInt64)
    /// The headers of one entry are larger than what is accepted, in bytes.
    case headerTooLarge(size: Int64, limit: Int, offset: UInt64)
    /// A sparse file, whose payload is not its content.
    case sparse(entry: String, offset: UInt64)
    /// A kind of entry that has no meaning in a layer.
    case unsupportedType(flag: UInt8, entry: String, offset: UInt64)

    /// One line for the user.
    public var description: String {
        switch self {
        case .truncated(let entry?, let offset): "the tar archive ends at byte \(offset), inside entry \"\(entry)\""
        case .truncated(nil, let offset): "the tar archive ends at byte \(offset), inside a header"
        case .checksum(0): "not a tar archive: the first header's checksum is wrong"
        case .checksum(let offset): "the tar header at byte \(offset) has a wrong checksum"
        case .number(let field, let entry, let offset): "tar entry \"\(entry)\" at byte \(offset): its \(field) is not a number"
        case .size(let entry, let offset): "tar entry \"\(entry)\" at byte \(offset): its size is not possible"
        case .extendedHeader(let reason, let offset): "the tar extended header at byte \(offset) is damaged: \(reason)"
        case .headerTooLarge(let size, let limit, let offset):
            "the tar header at byte \(offset) takes \(size) bytes, more than the \(limit) that are accepted"
        case .sparse(let entry, let offset):
            "tar entry \"\(entry)\" at byte \(offset) is a sparse file, which layers do not allow; write the archive without --sparse"
        case .unsupportedType(let flag, let entry, let offset):
            "tar entry \"\(entry)\" at byte \(offset) is of type '\(TarError.printable(flag))', which layers do not allow"
        }
    }

    private static func printable(_ flag: UInt8) -> String {
        flag > 0x20 && flag < 0x7f ? String(UnicodeScalar(flag)) : "\\\(flag)"
    }
}
