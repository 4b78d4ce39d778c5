/// Why bytes are not a valid eStargz layer, TOC or footer.
public enum FormatError: Error, Equatable, CustomStringConvertible {
    /// The blob's end is none of the known footers.
    case noFooter
    /// A footer was found, but what it says cannot be.
    case footer(String)
    /// The TOC's JSON is damaged at a byte offset.
    case json(offset: Int, String)
    /// A TOC entry says something that cannot be.
    case entry(name: String, String)
    /// The TOC's gzip member or zstd frame cannot be read.
    case tocMember(String)
    /// Larger than what is accepted; sizes in bytes.
    case tooLarge(what: String, size: UInt64, limit: UInt64)

    /// One line for the user.
    public var description: String {
        switch self {
        case .noFooter: "no eStargz footer at the end of the blob"
        case .footer(let reason): "footer: \(reason)"
        case .json(let offset, let reason): "TOC: \(reason) at byte \(offset) of the JSON"
        case .entry(let name, let reason): "TOC entry \"\(name)\": \(reason)"
        case .tocMember(let reason): "TOC: \(reason)"
        case .tooLarge(let what, let size, let limit): "\(what): \(size) bytes, more than the \(limit) that are accepted"
        }
    }
}
