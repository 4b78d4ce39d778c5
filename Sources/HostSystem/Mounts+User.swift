internal import Glibc

extension Mounts {
    private static let program = "fusermount3"

    /// Unmounts what fusermount3 has mounted for this ordinary user; nothing mounted there is no error.
    ///
    /// - Parameter detaches: also a mount that is in use: it vanishes from the tree now and ends when its last user does.
    static func unmountAsUser(_ target: String, detaches: Bool = false) throws(HostError) {
        guard try mountPoint(at: target) != nil else { return }
        if try Program.run(program, ["-u", "-q", "--", target]).status == 0 { return }
        guard detaches else { throw .call(operation: "unmount", path: target, code: EBUSY) }
        let result = try Program.run(program, ["-u", "-z", "--", target])
        guard result.status == 0 else { throw .call(operation: "unmount", path: target, code: EPERM) }
    }
}
