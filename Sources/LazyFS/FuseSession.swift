internal import CFuse
internal import CLinux
internal import Glibc
internal import HostSystem
internal import Synchronization
internal import Threads

/// One libfuse session: its threads and their end. The only file that owns libfuse's objects.
final class FuseSession: @unchecked Sendable {
    // Safety: `session` is created in `init` and destroyed in `finish`, after the threads were joined; libfuse locks inside.
    private let session: OpaquePointer
    private let mountpoint: String
    /// See `FuseDevice`.
    let greeting: [UInt8]
    /// See `FuseDevice`.
    let canResend: Bool
    private let server: TreeServer
    private let threads = Mutex<[NativeThread]>([])
    private let running = Atomic<Int>(0)

    /// Threads that answer the kernel. More of them only fight for the two locks of the queue (design.md 10: one or two beat four); the others are for
    /// requests that read from the disk.
    private static let threadCount = 4
    /// Bytes of the largest read the kernel may send.
    static let maximumRead = FuseDevice.maximumRead

    /// Greets the kernel through a device that is mounted at `mountpoint`. `server` is the operations' user data.
    ///
    /// - Parameters:
    ///   - isTakenOver: the kernel was answered by another process; libfuse only catches up, and what that process left
    ///   unanswered is sent again.
    ///   - traces: whether libfuse prints every request to standard error.
    init(
        _ device: consuming FuseDevice, mountpoint: String, isTakenOver: Bool, operations: fuse_lowlevel_ops, server: TreeServer,
        traces: Bool
    ) throws(LazyFSError) {
        self.mountpoint = mountpoint
        self.server = server
        (greeting, canResend) = (device.greeting, device.canResend)
        var operations = operations
        let words = ["starling", "-o", "max_read=\(FuseSession.maximumRead)"] + (traces ? ["-d"] : [])
        let made = FuseSession.withArguments(words) { arguments in
            fuse_session_new(
                arguments, &operations, MemoryLayout<fuse_lowlevel_ops>.size, Unmanaged.passUnretained(server).toOpaque())
        }
        guard let made else { throw .session(mountpoint: mountpoint) }
        session = made
        var channel = FuseSession.channel()
        guard fuse_session_custom_io(made, &channel, device.descriptor) == 0 else {
            fuse_session_destroy(made)
            throw .session(mountpoint: mountpoint)
        }
        if isTakenOver { server.gate.close() }
        // fusermount3's mounts are without `default_permissions`.
        let mapsIDs = device.canMapIDs && !UserNamespace.isNested && geteuid() == 0
        server.greetingFlag.store(mapsIDs ? FuseGreeting.allowIDMap : 0, ordering: .relaxed)
        FuseSession.process(device.greeting, made)
        server.greetingFlag.store(0, ordering: .relaxed)
        server.gate.open()
        let isRefused = fuse_session_exited(made) != 0
        var failure: LazyFSError? = isRefused ? .session(mountpoint: mountpoint) : nil
        if isTakenOver, !isRefused {
            do {
                try device.resendUnanswered()
            } catch {
                failure = .takeOver(mountpoint: mountpoint, reason: "\(error)")
            }
        }
        // The session closes the descriptor at its end.
        _ = device.release()
        if let failure {
            fuse_session_destroy(made)
            throw failure
        }
    }

    /// Starts to answer the kernel.
    func start() throws(ThreadError) {
        for index in 0..<FuseSession.threadCount {
            running.add(1, ordering: .sequentiallyConsistent)
            do {
                let thread = try NativeThread.start(name: "fuse-\(index)") { [self] in
                    serve()
                    running.subtract(1, ordering: .sequentiallyConsistent)
                }
                threads.withLock { $0.append(thread) }
            } catch {
                running.subtract(1, ordering: .sequentiallyConsistent)
                throw error
            }
        }
    }

    /// Whether threads wait for requests; none does any more once the kernel has ended the mount.
    var isServing: Bool { running.load(ordering: .sequentiallyConsistent) > 0 }

    /// The descriptor once more, for another process.
    func copyDevice() throws(HostError) -> OwnedDescriptor {
        let copy = fcntl(fuse_session_fd(session), F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw .last("copy the descriptor of", mountpoint) }
        return OwnedDescriptor(copy)
    }

    /// Tells the kernel to forget what it knows of a node's attributes.
    func forgetAttributes(of node: NodeID) { _ = fuse_lowlevel_notify_inval_inode(session, node.raw, 0, 0) }

    /// Tells the kernel to forget a name in a directory.
    func forget(_ name: String, in parent: NodeID) {
        // Fails when the kernel does not know the name, which is what is wanted.
        _ = fuse_lowlevel_notify_inval_entry(session, parent.raw, name, name.utf8.count)
    }

    /// Unmounts and waits for the threads. When something still uses the mount, its requests fail from now on: nobody may wait for us for ever.
    func end(_ drain: () -> Void) {
        if geteuid() != 0 {
            // What cannot be unmounted ends with its descriptor.
            try? Mounts.unmount(mountpoint)
        } else if starling_umount(mountpoint) != 0, errno == EBUSY {
            _ = starling_umount_by_force(mountpoint)
            _ = starling_umount_lazily(mountpoint)
        }
        finish(drain)
    }

    /// Ends and leaves the mount to whoever has the descriptor too. What is not answered yet stays unanswered.
    func leave(_ drain: () -> Void) {
        server.gate.close()
        finish(drain)
    }

    private func finish(_ drain: () -> Void) {
        fuse_session_exit(session)
        let ending = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        // Threads wait in read(2); one that is just about to will hear it the next time.
        while running.load(ordering: .sequentiallyConsistent) > 0 {
            ending.forEach { $0.interrupt() }
            usleep(1000)
        }
        ending.forEach { $0.join() }
        drain()
        fuse_session_destroy(session)
    }

    private func serve() {
        var buffer = fuse_buf()
        defer { free(buffer.mem) }
        while fuse_session_exited(session) == 0 {
            let count = fuse_session_receive_buf(session, &buffer)
            if count == -EINTR { continue }
            guard count > 0 else { return }
            fuse_session_process_buf(session, &buffer)
        }
    }

    private static func process(_ request: [UInt8], _ session: OpaquePointer) {
        var request = request
        request.withUnsafeMutableBytes { bytes in
            var buffer = fuse_buf()
            buffer.mem = bytes.baseAddress
            buffer.size = bytes.count
            fuse_session_process_buf(session, &buffer)
        }
    }

    /// How libfuse reads requests and writes answers.
    ///
    /// A page that is missing when the kernel copies is brought in, unless the process is being killed: then the request fails. So pages are
    /// there before, and a killed process leaves requests unanswered or answered.
    private static func channel() -> fuse_custom_io {
        var channel = fuse_custom_io()
        channel.read = { descriptor, buffer, size, _ in
            // No request that waits for an answer is longer than a name and its headers, so it lies in two pages at the most.
            buffer?.storeBytes(of: 0, as: UInt8.self)
            buffer?.storeBytes(of: 0, toByteOffset: 4095, as: UInt8.self)
            return read(descriptor, buffer, size)
        }
        channel.writev = { descriptor, parts, count, context in
            guard let parts, let context else { return 0 }
            var total = 0
            for index in 0..<Int(count) {
                starling_touch_pages(parts[index].iov_base, parts[index].iov_len)
                total += parts[index].iov_len
            }
            let (isClosed, greetingFlag) = Unmanaged<TreeServer>.fromOpaque(context)._withUnsafeGuaranteedRef {
                ($0.gate.isClosed, $0.greetingFlag.load(ordering: .relaxed))
            }
            if isClosed { return total }
            return greetingFlag == 0
                ? writev(descriptor, parts, count) : FuseGreeting.write(parts, count, allowing: greetingFlag, to: descriptor)
        }
        return channel
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
