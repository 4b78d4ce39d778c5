internal import CFuse
internal import CLinux
internal import Glibc
internal import Synchronization
internal import Threads

/// One libfuse session: the mount, its threads and their end. The only file that owns libfuse's objects.
final class FuseSession: @unchecked Sendable {
    // Safety: `session` is created in `init` and destroyed in `end`, after the loop's thread was joined; libfuse locks inside.
    private let session: OpaquePointer
    private let mountpoint: String
    private let loop = Mutex<NativeThread?>(nil)

    /// Threads that answer the kernel. More of them only fight for the two locks of the queue (design.md 10: one or two beat four); the others are for
    /// requests that read from the disk.
    private static let threads: UInt32 = 4
    /// Bytes of the largest read the kernel may send: 1 MiB, its own limit.
    static let maximumRead = 1 << 20

    /// Mounts at an existing directory; operations get `context` as their user data, which must outlive the session.
    init(mountpoint: String, operations: fuse_lowlevel_ops, context: UnsafeMutableRawPointer) throws(LazyFSError) {
        self.mountpoint = mountpoint
        let arguments = [
            "starling", "-o",
            "ro,allow_other,default_permissions,dev,suid,fsname=starling,subtype=starling,max_read=\(FuseSession.maximumRead)",
        ]
        var operations = operations
        let made = FuseSession.withArguments(arguments) { arguments in
            fuse_session_new(arguments, &operations, MemoryLayout<fuse_lowlevel_ops>.size, context)
        }
        guard let made else { throw .session(mountpoint: mountpoint) }
        guard fuse_session_mount(made, mountpoint) == 0 else {
            fuse_session_destroy(made)
            throw .mount(mountpoint: mountpoint, code: errno == 0 ? EPERM : errno)
        }
        session = made
    }

    /// Starts to answer the kernel.
    func start() throws {
        let thread = try NativeThread.start(name: "fuse") { [self] in
            guard let configuration = fuse_loop_cfg_create() else { return }
            defer { fuse_loop_cfg_destroy(configuration) }
            fuse_loop_cfg_set_clone_fd(configuration, 1)
            fuse_loop_cfg_set_max_threads(configuration, FuseSession.threads)
            fuse_loop_cfg_set_idle_threads(configuration, FuseSession.threads)
            fuse_session_loop_mt(session, configuration)
        }
        loop.withLock { $0 = thread }
    }

    /// Tells the kernel to forget a name in a directory.
    func forget(_ name: String, in parent: NodeID) {
        // Fails when the kernel does not know the name, which is what is wanted.
        _ = fuse_lowlevel_notify_inval_entry(session, parent.raw, name, name.utf8.count)
    }

    /// Unmounts and waits for the threads. When something still uses the mount, its requests fail from now on: nobody may wait for us for ever.
    func end(_ drain: () -> Void) {
        if starling_umount(mountpoint) != 0, errno == EBUSY {
            _ = starling_umount_by_force(mountpoint)
            _ = starling_umount_lazily(mountpoint)
        }
        fuse_session_exit(session)
        loop.withLock { $0.take() }?.join()
        drain()
        fuse_session_unmount(session)
        fuse_session_destroy(session)
    }

    private static func withArguments<Result>(
        _ arguments: [String], _ body: (UnsafeMutablePointer<fuse_args>) -> Result
    ) -> Result {
        var list = fuse_args()
        defer { fuse_opt_free_args(&list) }
        for argument in arguments { fuse_opt_add_arg(&list, argument) }
        return body(&list)
    }
}
