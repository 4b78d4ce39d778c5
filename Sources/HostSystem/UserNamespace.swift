internal import CLinux
internal import Glibc

/// The user namespace of this process.
public enum UserNamespace {
    /// Whether it is another than the machine's first: privileges over what others have made are missing then. Looked at once, so not to be asked before
    /// a namespace is entered.
    public static let isNested = isNested(uidMap: try? Files.read("/proc/self/uid_map", limit: 4096))

    /// Whether a group of the namespace is a group of the machine.
    public static func hasGroup(_ group: UInt32) -> Bool { has(group, map: try? Files.read("/proc/self/gid_map", limit: 1 << 16)) }

    static func has(_ id: UInt32, map: [UInt8]?) -> Bool {
        String(decoding: map ?? [], as: UTF8.self).split(separator: "\n").contains { line in
            let fields = line.split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) }
            return fields.count == 3 && fields[0]..<fields[0] + fields[2] ~= UInt64(id)
        }
    }

    /// Enters the user namespace and the mount namespace of another process of this user. In it the user is whoever the namespace says, usually root,
    /// and the working directory is the same path.
    ///
    /// To be called first thing in `main`: the process must have only one thread.
    public static func join(_ process: Int32) throws(HostError) {
        let operation = "enter the namespaces of"
        let threads = try MountNamespace.threadCount()
        guard threads == 1 else { throw .severalThreads(operation: operation, count: threads) }
        let directory = try Paths.resolved(".")
        let descriptor = starling_pidfd_open(process)
        guard descriptor >= 0 else { throw .last(operation, "process \(process)") }
        defer { close(descriptor) }
        guard starling_join_user_and_mounts(descriptor) == 0 else { throw .last(operation, "process \(process)") }
        guard chdir(directory) == 0 else { throw .last("go on in", directory) }
    }

    /// The initial namespace maps the whole range onto itself; every other map is shorter or shifted. Without /proc there is nothing to tell: the
    /// initial namespace is the usual case.
    static func isNested(uidMap: [UInt8]?) -> Bool {
        let fields = String(decoding: uidMap ?? [], as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard fields.count >= 3 else { return false }
        return !(fields.count == 3 && fields[0] == "0" && fields[1] == "0" && fields[2] == "4294967295")
    }
}
