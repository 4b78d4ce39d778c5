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
        return UserNamespace.isNested && isAtLeast(major: 5, minor: 11, release: release)
    }

    static func isAtLeast(major: Int, minor: Int, release: String) -> Bool {
        let numbers = release.split(maxSplits: 2, whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        guard numbers.count == 2 else { return false }
        return (numbers[0], numbers[1]) >= (major, minor)
    }
}
