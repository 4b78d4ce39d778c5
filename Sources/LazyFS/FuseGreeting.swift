internal import Glibc

/// The answer to the kernel's greeting, of which libfuse 3.14 knows only the lower half of the flags.
enum FuseGreeting {
    /// FUSE_INIT_EXT: there are 32 more flags.
    static let extended: UInt32 = 1 << 30
    /// FUSE_ALLOW_IDMAP, bit 40: the mount may be shown with other owners. The kernel wants `default_permissions` with it, and refuses it to mounts
    /// of a user namespace.
    static let allowIDMap: UInt32 = 1 << 8

    // In fuse_init_out, behind the 16 bytes of fuse_out_header.
    private static let flagsOffset = 16 + 12
    private static let moreFlagsOffset = 16 + 32

    /// Writes libfuse's answer with a flag more.
    static func write(_ parts: UnsafePointer<iovec>, _ count: Int32, allowing flag: UInt32, to descriptor: Int32) -> Int {
        var answer: [UInt8] = []
        for part in UnsafeBufferPointer(start: parts, count: Int(count)) {
            answer += UnsafeRawBufferPointer(start: part.iov_base, count: part.iov_len)
        }
        if answer.count >= moreFlagsOffset + 4 {
            answer.withUnsafeMutableBytes { bytes in
                for (offset, bit) in [(flagsOffset, extended), (moreFlagsOffset, flag)] {
                    let flags = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                    bytes.storeBytes(of: flags | bit, toByteOffset: offset, as: UInt32.self)
                }
            }
        }
        return Glibc.write(descriptor, answer, answer.count)
    }
}
