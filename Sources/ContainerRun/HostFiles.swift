internal import Glibc
internal import HostSystem

/// The three files that tell a container who and where it is: /etc/hostname, /etc/hosts and /etc/resolv.conf. Copies of its own, because the
/// host replaces its files, and for containers to write to, as with docker.
struct HostFiles {
    let directory: String

    /// 1 MiB: hosts files with a list of blocked names have been seen to take hundreds of KiB.
    private static let limit = 1 << 20

    /// Writes them.
    ///
    /// - Parameter address: the container's own, on a bridge.
    func write(hostname: String, _ settings: ContainerSettings, address: String?) throws(HostError) {
        try AtomicFile.write(Array((hostname + "\n").utf8), to: directory + "/hostname", durably: false)
        var resolvers = try HostFiles.contents("/etc/resolv.conf")
        if settings.network == .bridge { resolvers = try HostFiles.reachable(resolvers) }
        try AtomicFile.write(resolvers, to: directory + "/resolv.conf", durably: false)
        var hosts = settings.network == .host ? try HostFiles.contents("/etc/hosts") : HostFiles.loopback
        if let last = hosts.last, last != UInt8(ascii: "\n") { hosts.append(UInt8(ascii: "\n")) }
        for entry in settings.hosts { hosts += Array(entry.line(gateway: address == nil ? "127.0.0.1" : BridgeNetwork.gateway).utf8) }
        if let address { hosts += Array("\(address)\t\(hostname)\n".utf8) }
        try AtomicFile.write(hosts, to: directory + "/hosts", durably: false)
    }

    /// Where they go; not where something else is mounted on purpose.
    func mounts(isReadOnly: Bool) -> [RuntimeMount] {
        ["hostname", "hosts", "resolv.conf"].map { .bind(directory + "/" + $0, "/etc/" + $0, readOnly: isReadOnly) }
    }

    /// Gives a container its new address in place of the one that it had.
    func replace(address old: String, with new: String) throws(HostError) {
        let path = directory + "/hosts"
        let lines = String(decoding: try Files.read(path, limit: HostFiles.limit), as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        let changed = lines.map { $0.hasPrefix(old + "\t") ? new + $0.dropFirst(old.count) : String($0) }
        try AtomicFile.write(Array(changed.joined(separator: "\n").utf8), to: path, durably: false)
    }

    /// Without servers on the machine's own loopback, which is not the container's; systemd's resolver says which ones it asks itself.
    static func reachable(
        _ resolvers: [UInt8], behindResolved path: String = "/run/systemd/resolve/resolv.conf"
    ) throws(HostError) -> [UInt8] {
        func lines(_ bytes: [UInt8]) -> [Substring] { String(decoding: bytes, as: UTF8.self).split(separator: "\n") }
        func isLocal(_ line: Substring) -> Bool {
            let words = line.split(whereSeparator: \.isWhitespace)
            return words.first == "nameserver" && words.count > 1 && (words[1].hasPrefix("127.") || words[1] == "::1")
        }
        let all = lines(resolvers)
        guard all.contains(where: isLocal) else { return resolvers }
        let kept = all.filter { !isLocal($0) }
        if !kept.contains(where: { $0.hasPrefix("nameserver") }), Files.exists(path) { return try contents(path) }
        return Array((kept.joined(separator: "\n") + "\n").utf8)
    }

    private static func contents(_ path: String) throws(HostError) -> [UInt8] {
        var facts = stat()
        // A link to nothing is nothing.
        return stat(path, &facts) == 0 ? try Files.read(path, limit: limit) : []
    }

    private static let loopback = Array(
        """
        127.0.0.1\tlocalhost
        ::1\tlocalhost ip6-localhost ip6-loopback
        fe00::\tip6-localnet
        ff00::\tip6-mcastprefix
        ff02::1\tip6-allnodes
        ff02::2\tip6-allrouters

        """.utf8)

    /// This machine's name.
    static func hostname() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
