internal import Glibc
internal import HostSystem

extension OverlayPlan {
    /// The plan for this kernel and user.
    static func forHost() -> OverlayPlan {
        var options: [String] = []
        // With inode index on, reusing an upper directory with other lowers is refused; containerd does that.
        if access("/sys/module/overlay/parameters/index", F_OK) == 0 { options.append("index=off") }
        if needsUserXattr() { options.append("userxattr") }
        return OverlayPlan(commonOptions: options)
    }

    /// In a user namespace overlayfs may not write `trusted.*` attributes; from 5.11 it can be told to use `user.*`.
    private static func needsUserXattr() -> Bool {
        var name = utsname()
        guard uname(&name) == 0 else { return false }
        let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        // Without /proc there is nothing to tell: the initial namespace is the usual case.
        let map = try? Files.read("/proc/self/uid_map", limit: 4096)
        return isInUserNamespace(uidMap: map) && isAtLeast(major: 5, minor: 11, release: release)
    }

    /// The initial namespace maps the whole range onto itself; every other map is shorter or shifted.
    static func isInUserNamespace(uidMap: [UInt8]?) -> Bool {
        let fields = String(decoding: uidMap ?? [], as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard fields.count >= 3 else { return false }
        return !(fields.count == 3 && fields[0] == "0" && fields[1] == "0" && fields[2] == "4294967295")
    }

    static func isAtLeast(major: Int, minor: Int, release: String) -> Bool {
        let numbers = release.split(maxSplits: 2, whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        guard numbers.count == 2 else { return false }
        return (numbers[0], numbers[1]) >= (major, minor)
    }
}
