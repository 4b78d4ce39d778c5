internal import Glibc

/// A kernel's version, as far as rules ask for it.
struct KernelVersion: Comparable {
    let major: Int
    let minor: Int

    /// Reads `6.18.44-something`.
    init?(_ text: String) {
        let parts = text.split(separator: ".").prefix(2).map { $0.prefix(while: \.isNumber) }
        guard parts.count == 2, let major = Int(parts[0]), let minor = Int(parts[1]) else { return nil }
        (self.major, self.minor) = (major, minor)
    }

    /// That of the running kernel.
    static var current: KernelVersion {
        var names = utsname()
        guard uname(&names) == 0 else { return .unknown }
        let release = withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return KernelVersion(release) ?? .unknown
    }

    private static let unknown = KernelVersion(major: 0, minor: 0)

    private init(major: Int, minor: Int) { (self.major, self.minor) = (major, minor) }

    static func < (left: KernelVersion, right: KernelVersion) -> Bool { (left.major, left.minor) < (right.major, right.minor) }
}
