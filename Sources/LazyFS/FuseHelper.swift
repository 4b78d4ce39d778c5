internal import CLinux
internal import Glibc
internal import HostSystem

/// fusermount3, which mounts for ordinary users: it gives the descriptor of its mount through a socket (libfuse's `_FUSE_COMMFD`).
enum FuseHelper {
    private static let program = "fusermount3"
    private static let waitSeconds = 10

    /// Mounts at an existing directory of the user's. Only that user sees the files, whatever modes they have.
    static func mount(at mountpoint: String, source: String) throws(LazyFSError) -> OwnedDescriptor {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw .helper(mountpoint: mountpoint, reason: "no socket: \(String(cString: strerror(errno)))")
        }
        defer { close(ends[0]) }
        UnixSocket.limitWaits(of: ends[0], seconds: waitSeconds)
        let options = "ro,nosuid,nodev,fsname=\(source),subtype=starling,max_read=\(FuseDevice.maximumRead)"
        do {
            let child: ChildProcess
            do {
                defer { close(ends[1]) }
                // Its standard input is the one descriptor that it gets of us.
                let environment = ChildProcess.environment(with: ["_FUSE_COMMFD": "0"])
                child = try ChildProcess(
                    program, ["-o", options, "--", mountpoint],
                    ChildProcess.Options(environment: environment, input: .descriptor(ends[1])))
            }
            let received = try Packets.receive(from: ends[0], limit: 16)
            let status = try child.wait()
            guard let descriptor = received?.descriptor, status == 0 else {
                throw LazyFSError.helper(mountpoint: mountpoint, reason: "it ended with \(status) and gave no descriptor")
            }
            return OwnedDescriptor(descriptor)
        } catch let error as LazyFSError {
            throw error
        } catch {
            throw .helper(mountpoint: mountpoint, reason: "\(error)")
        }
    }
}
