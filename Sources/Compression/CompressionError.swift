/// Why bytes could not be compressed or decompressed.
public enum CompressionError: Error, Equatable, CustomStringConvertible {
    /// The data ends in the middle of a member or frame.
    case truncated(Algorithm)
    /// The data is damaged; the reason is the library's.
    case corrupt(Algorithm, reason: String)
    /// The content is larger than the buffer that was offered for it, in bytes.
    case outputTooLarge(Algorithm, limit: Int)
    /// The content is smaller than what was asked for; sizes in bytes.
    case outputTooSmall(Algorithm, expected: Int, actual: Int)
    /// Bytes follow the member or frame that should have been the whole input.
    case trailingBytes(Algorithm, count: Int)
    /// Not a level of the compressor.
    case level(Int, allowed: ClosedRange<Int>)
    /// The library cannot get memory.
    case outOfMemory

    /// One line for the user.
    public var description: String {
        switch self {
        case .truncated(let algorithm): "\(algorithm) data ends too early"
        case .corrupt(let algorithm, let reason): "\(algorithm) data is corrupt: \(reason)"
        case .outputTooLarge(let algorithm, let limit): "\(algorithm) data holds more than the \(limit) bytes that were expected"
        case .outputTooSmall(let algorithm, let expected, let actual):
            "\(algorithm) data holds \(actual) bytes where \(expected) were expected"
        case .trailingBytes(let algorithm, let count): "\(count) bytes follow the \(algorithm) data"
        case .level(let level, let allowed):
            "compression level \(level) does not exist; choose one from \(allowed.lowerBound) to \(allowed.upperBound)"
        case .outOfMemory: "out of memory while compressing or decompressing"
        }
    }
}
