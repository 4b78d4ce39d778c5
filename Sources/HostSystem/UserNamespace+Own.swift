internal import CLinux
internal import Glibc

extension UserNamespace {
    /// Gives an ordinary user's process a user namespace of its own, in which they are root, and a mount namespace in that.
    ///
    /// The ids that /etc/subuid and /etc/subgid give the user are there as well, when newuidmap and newgidmap can be had; else root is the only
    /// user. Mounts and unmounts of the host still arrive. The process must have only one thread.
    static func enterOwn() throws(HostError) {
        let (user, group) = (getuid(), getgid())
        let helper = try mapper(user, group)
        guard starling_unshare_user_and_mounts() == 0 else { throw .last("enter a user namespace as an ordinary user", "(unshare)") }
        if let helper {
            try helper.map()
        } else {
            // Whoever has one group only must not be able to drop those that deny something (user_namespaces(7)).
            for (file, text) in [("setgroups", "deny"), ("uid_map", "0 \(user) 1"), ("gid_map", "0 \(group) 1")] {
                try write(text, to: "/proc/self/" + file)
            }
        }
        guard starling_mount(nil, "/", nil, STARLING_MS_REC | STARLING_MS_SLAVE, nil) == 0 else {
            throw .last("keep mounts from the host, at", "/")
        }
    }

    // The kernel takes one write, and no file that is made first.
    private static func write(_ text: String, to path: String) throws(HostError) {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open", path) }
        defer { close(descriptor) }
        guard Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count else { throw .last("write", path) }
    }

    /// Who maps the user's other ids; nil when there are none, or no programs for it.
    private static func mapper(_ user: uid_t, _ group: gid_t) throws(HostError) -> Mapper? {
        let name = getpwuid(user).map { String(cString: $0.pointee.pw_name) }
        func ids(_ path: String) throws(HostError) -> SubordinateIDs {
            let bytes = Files.exists(path) ? try Files.read(path, limit: 1 << 20) : []
            return SubordinateIDs(String(decoding: bytes, as: UTF8.self), name: name, id: user)
        }
        let (users, groups) = (try ids("/etc/subuid"), try ids("/etc/subgid"))
        guard !users.ranges.isEmpty, !groups.ranges.isEmpty, (try? Paths.executable("newuidmap")) != nil,
            (try? Paths.executable("newgidmap")) != nil
        else { return nil }
        return try Mapper(users.map(root: user), groups.map(root: group))
    }

    /// A process that stays outside, where newuidmap has its privileges, and maps our ids when we are inside.
    private final class Mapper {
        private let process: ChildProcess
        private let start: Int32

        /// More than it takes on the slowest machine.
        private static let patience = Duration.seconds(10)

        init(_ users: [UInt32], _ groups: [UInt32]) throws(HostError) {
            let (reader, writer) = try Pipe.make("(ids)")
            defer { close(reader) }
            start = writer
            func command(_ program: String, _ map: [UInt32]) -> String {
                "\(program) \(getpid()) " + map.map { "\($0)" }.joined(separator: " ")
            }
            let script = "read -r line && \(command("newuidmap", users)) && \(command("newgidmap", groups))"
            process = try ChildProcess("sh", ["-c", script], ChildProcess.Options(input: .descriptor(reader)))
        }

        func map() throws(HostError) {
            guard Glibc.write(start, "\n", 1) == 1 else { throw .last("have ids mapped by", "newuidmap") }
            guard try process.wait(for: Mapper.patience) == 0 else {
                throw .call(operation: "have ids mapped as /etc/subuid and /etc/subgid say, by", path: "newuidmap", code: EPERM)
            }
        }

        deinit { close(start) }
    }
}
