internal import Glibc
internal import HostSystem

/// The three files that tell a container who and where it is: /etc/hostname, /etc/hosts and /etc/resolv.conf. Copies of its own, because the
/// host replaces its files, and for containers to write to, as with docker.
struct HostFiles {
    let directory: String

    /// 1 MiB: hosts files with a list of blocked names have been seen to take hundreds of KiB.
    private static let limit = 1 << 20

    /// Writes them.
    func write(hostname: String, _ settings: ContainerSettings) throws(HostError) {
        try AtomicFile.write(Array((hostname + "\n").utf8), to: directory + "/hostname", durably: false)
        let resolvers = try HostFiles.contents("/etc/resolv.conf")
        try AtomicFile.write(resolvers, to: directory + "/resolv.conf", durably: false)
        var hosts = settings.network == .host ? try HostFiles.contents("/etc/hosts") : HostFiles.loopback
        if let last = hosts.last, last != UInt8(ascii: "\n") { hosts.append(UInt8(ascii: "\n")) }
        for entry in settings.hosts { hosts += Array(entry.line(gateway: "127.0.0.1").utf8) }
        try AtomicFile.write(hosts, to: directory + "/hosts", durably: false)
    }

    /// Where they go; not where something else is mounted on purpose.
    func mounts(isReadOnly: Bool) -> [RuntimeMount] {
        ["hostname", "hosts", "resolv.conf"].map { .bind(directory + "/" + $0, "/etc/" + $0, readOnly: isReadOnly) }
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
