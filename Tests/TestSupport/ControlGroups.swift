internal import HostSystem

/// Control groups that containers of `starling run` have on this machine; others may have the same beginning.
public func containerControlGroups() throws -> [String] {
    try run("find", ["/sys/fs/cgroup", "-regextype", "posix-extended", "-regex", ".*/starling-[0-9a-f]{64}"]).outputText
        .split(separator: "\n").map(String.init)
}
