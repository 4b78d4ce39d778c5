internal import HostSystem

/// What a container is called by the machine: 64 hexadecimal digits, shown as the first twelve.
public enum ContainerID {
    /// Digits that are shown.
    public static let shortLength = 12
    private static let length = 64

    /// A new one, of 256 random bits.
    public static func make() -> String {
        (0..<4).map { _ in RandomName.make() }.joined()
    }

    /// Whether a text is one, whole.
    public static func isValid(_ text: String) -> Bool { text.utf8.count == length && isPrefix(text) }

    /// Whether a text may be the beginning of one.
    static func isPrefix(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= length
            && text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }
}
