/// What keeps a container from the machine, or does not.
public struct SecuritySettings: Equatable, Sendable {
    /// Which system calls there are.
    public enum Seccomp: Equatable, Sendable {
        /// docker's default filter.
        case usual
        /// All of them.
        case unconfined
        /// What a file in docker's form says.
        case file(String)
    }

    /// Every capability, every device, every system call, nothing hidden.
    public var isPrivileged = false
    /// Capabilities beside docker's defaults.
    public var capabilities = CapabilityChanges()
    /// The filter of system calls.
    public var seccomp = Seccomp.usual
    /// Whether set-user-id programs and file capabilities give nothing.
    public var forbidsNewPrivileges = false
    /// Profile of AppArmor; nil for none.
    public var appArmorProfile: String?
    /// Whether paths of /proc and /sys that are docker's to hide are shown.
    public var showsSystemPaths = false

    /// docker's defaults.
    public init() {}

    /// Takes one of docker's `--security-opt`.
    public mutating func take(option text: String) throws(InvalidOption) {
        // `name:value` is docker's old spelling.
        let separator = text.firstIndex { $0 == "=" || $0 == ":" }
        let name = String(text[..<(separator ?? text.endIndex)])
        let value = separator.map { String(text[text.index(after: $0)...]) }
        switch (name, value) {
        case ("no-new-privileges", nil), ("no-new-privileges", "true"): forbidsNewPrivileges = true
        case ("no-new-privileges", "false"): forbidsNewPrivileges = false
        case ("seccomp", "unconfined"): seccomp = .unconfined
        case ("seccomp", "builtin"): seccomp = .usual
        case ("seccomp", let file?) where !file.isEmpty: seccomp = .file(file)
        case ("apparmor", "unconfined"): appArmorProfile = nil
        case ("apparmor", let profile?) where !profile.isEmpty: appArmorProfile = profile
        case ("systempaths", "unconfined"): showsSystemPaths = true
        // What would switch SELinux off is true already.
        case ("label", "disable"): break
        case ("label", _): throw InvalidOption(text: text, reason: "labels of SELinux are not supported; label=disable is accepted")
        default:
            throw InvalidOption(
                text: text,
                reason: "expected seccomp=FILE|unconfined, no-new-privileges, apparmor=PROFILE|unconfined or systempaths=unconfined")
        }
    }
}
