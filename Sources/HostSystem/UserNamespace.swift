internal import Glibc

/// The user namespace of this process.
public enum UserNamespace {
    /// Whether it is another than the machine's first: privileges over what others have made are missing then.
    public static let isNested = isNested(uidMap: try? Files.read("/proc/self/uid_map", limit: 4096))

    /// The initial namespace maps the whole range onto itself; every other map is shorter or shifted. Without /proc there is nothing to tell: the
    /// initial namespace is the usual case.
    static func isNested(uidMap: [UInt8]?) -> Bool {
        let fields = String(decoding: uidMap ?? [], as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard fields.count >= 3 else { return false }
        return !(fields.count == 3 && fields[0] == "0" && fields[1] == "0" && fields[2] == "4294967295")
    }
}
