internal import CLinux
internal import Glibc
internal import HostSystem

/// The kernel's side of a mount: an open /dev/fuse, and the INIT request with which the kernel began.
///
/// The mount lives as long as any process has the descriptor open. There is one descriptor and no clones of it (FUSE_DEV_IOC_CLONE): each
/// has requests of its own, which fail when it is closed.
struct FuseDevice: ~Copyable, Sendable {
    private let owned: OwnedDescriptor
    /// The kernel's first request, as it came: header and `fuse_init_in`.
    let greeting: [UInt8]

    /// Bytes of the largest read the kernel may send: 1 MiB, its own limit.
    static let maximumRead = 1 << 20
    /// Room for any request: the kernel refuses to fill a smaller buffer than this.
    private static let bufferSize = maximumRead + 4096

    /// Takes over a descriptor that another process has mounted with.
    init(_ descriptor: consuming OwnedDescriptor, greeting: [UInt8]) {
        owned = descriptor
        self.greeting = greeting
    }

    /// Mounts at an existing directory and waits for the kernel's greeting.
    ///
    /// - Parameters:
    ///   - source: what the mount table names as mounted.
    ///   - readOnly: else the kernel passes on what somebody wants to make or remove.
    init(mountingAt mountpoint: String, source: String, readOnly: Bool) throws(LazyFSError) {
        let isPrivileged = geteuid() == 0
        let owned =
            isPrivileged
            ? try FuseDevice.mount(at: mountpoint, source: source, readOnly: readOnly)
            : try FuseHelper.mount(at: mountpoint, source: source)
        let descriptor = owned.raw
        // Of the room, which the kernel wants, a hundred bytes are used: the rest is never touched.
        let (greeting, code) = withUnsafeTemporaryAllocation(byteCount: FuseDevice.bufferSize, alignment: 16) { buffer in
            var count: Int
            repeat { count = read(descriptor, buffer.baseAddress, buffer.count) } while count < 0 && errno == EINTR
            let code = errno
            return (Array(buffer.prefix(max(0, count))), code)
        }
        guard !greeting.isEmpty else {
            _ = starling_umount_lazily(mountpoint)
            throw .mount(mountpoint: mountpoint, code: code)
        }
        self.init(owned, greeting: greeting)
    }

    private static func mount(at mountpoint: String, source: String, readOnly: Bool) throws(LazyFSError) -> OwnedDescriptor {
        let descriptor = open("/dev/fuse", O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .mount(mountpoint: mountpoint, code: errno) }
        let owned = OwnedDescriptor(descriptor)
        do throws(HostError) {
            try Mounts.mount(
                type: "fuse.starling", source: source, at: mountpoint, readOnly: readOnly,
                options: "fd=\(descriptor),rootmode=40000,user_id=\(getuid()),group_id=\(getgid()),allow_other,default_permissions,"
                    + "max_read=\(FuseDevice.maximumRead)")
        } catch {
            throw .mount(mountpoint: mountpoint, code: error.code ?? EPERM)
        }
        return owned
    }

    /// The open /dev/fuse.
    var descriptor: Int32 { owned.raw }

    /// Gives the descriptor to the caller, who closes it.
    consuming func release() -> Int32 { owned.release() }

    /// Whether the kernel still has the mount for it.
    var isAlive: Bool { FuseDevice.isAlive(descriptor) }

    /// Whether the kernel still has a mount for an open /dev/fuse.
    static func isAlive(_ descriptor: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: 0, revents: 0)
        return Glibc.poll(&poll, 1, 0) == 0
    }

    /// Whether the kernel can send requests again that a killed process had read and not answered (Linux 6.9): it says so in its greeting.
    var canResend: Bool {
        offers(1 << 7)  // FUSE_HAS_RESEND is bit 39.
    }

    /// Whether the kernel can show the mount's files with other owners (Linux 6.12), which it does when the answer to its greeting allows that.
    var canMapIDs: Bool { offers(FuseGreeting.allowIDMap) }

    /// Whether the kernel's greeting has one of the upper 32 flags.
    private func offers(_ flag: UInt32) -> Bool {
        // fuse_in_header is 40 bytes; in fuse_init_in, flags are at 12 and flags2 at 16.
        greeting.count >= 60 && word(at: 52) & FuseGreeting.extended != 0 && word(at: 56) & flag != 0
    }

    private func word(at offset: Int) -> UInt32 {
        greeting.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
    }

    /// Has the kernel send the requests again that were read through this descriptor and not answered.
    ///
    /// Before anything is read, or what this process is answering would come a second time.
    func resendUnanswered() throws(HostError) {
        // fuse_out_header: length, code (FUSE_NOTIFY_RESEND) and 0 in place of a request's number.
        let message: [UInt32] = [16, 7, 0, 0]
        guard write(descriptor, message, 16) == 16 else { throw .last("have requests sent again through", "/dev/fuse") }
    }
}
