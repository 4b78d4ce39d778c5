internal import Glibc

/// Where things are by convention.
public enum Paths {
    /// Store and state when `--root` is not given: `/var/lib/starling` for root, else `$XDG_DATA_HOME/starling`
    /// or `~/.local/share/starling` (XDG base directory specification).
    public static func defaultRoot() -> String {
        defaultRoot(isRoot: isRoot, dataHome: environment("XDG_DATA_HOME"), home: environment("HOME"))
    }

    /// Root of a user namespace may be an ordinary user, to whom the machine's directories belong as little as ever.
    private static var isRoot: Bool { geteuid() == 0 && (!UserNamespace.isNested || access("/var/lib", W_OK) == 0) }

    /// Where large files wait: `$TMPDIR`, else `/var/tmp`, for /tmp may be memory.
    public static var spoolDirectory: String { environment("TMPDIR") ?? "/var/tmp" }

    static func defaultRoot(isRoot: Bool, dataHome: String?, home: String?) -> String {
        if isRoot { return "/var/lib/starling" }
        // The specification: a relative path in the variable is to be ignored.
        if let dataHome, dataHome.hasPrefix("/") { return dataHome + "/starling" }
        return (home ?? "/tmp") + "/.local/share/starling"
    }

    /// A variable of the environment; nil when unset or empty.
    public static func environment(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    /// Finds the first of some programs in the directories of PATH; a name with a slash is taken as it is.
    public static func executable(_ names: String...) throws(HostError) -> String {
        let directories = (environment("PATH") ?? "").split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
        for name in names {
            let candidates = name.contains("/") ? [name] : directories.map { $0 + "/" + name }
            if let found = candidates.first(where: isExecutable) { return found }
        }
        throw .programMissing(names: names)
    }

    private static func isExecutable(_ path: String) -> Bool {
        var facts = stat()
        return stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }

    /// The directory that holds a path's last component.
    public static func parent(of path: String) -> String {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed = trimmed.dropLast() }
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }

    /// The path from the top, whatever the current directory will be; it need not exist.
    public static func absolute(_ path: String) throws(HostError) -> String {
        path.isEmpty || path.hasPrefix("/") ? path : try resolved(".") + "/" + path
    }

    /// The path without symbolic links, `.` and `..`; it must exist.
    public static func resolved(_ path: String) throws(HostError) -> String {
        guard let result = realpath(path, nil) else { throw .last("resolve", path) }
        defer { free(result) }
        return String(cString: result)
    }
}
