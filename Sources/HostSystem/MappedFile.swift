internal import Glibc

/// A file mapped read-only into memory for as long as its owner lives.
///
/// The file must be immutable: what is cut off while mapped raises SIGBUS.
public final class MappedFile: @unchecked Sendable {
    // Safety: the address and length never change, the mapping is read-only.

    /// The file's bytes; valid while this object lives. Whoever keeps a pointer into it keeps the object too.
    public let bytes: UnsafeRawBufferPointer
    /// Path that was mapped, for messages.
    public let path: String

    /// Maps the whole file.
    public init(_ path: String) throws(HostError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open", path) }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw .last("stat", path) }
        self.path = path
        let size = Int(facts.st_size)
        // A mapping of zero bytes is an error to mmap(2), not to us.
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0), address != MAP_FAILED else {
            throw .last("map", path)
        }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
    }

    deinit {
        if let address = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: address), bytes.count) }
    }

    /// Lets this process' memory have the file's pages no longer. The kernel keeps them cached, and what is touched again is there again: for
    /// after a look at the whole of a file of which little is needed from then on.
    public func releasePages() {
        // Only advice: where it is refused the pages stay.
        if let address = bytes.baseAddress { madvise(UnsafeMutableRawPointer(mutating: address), bytes.count, MADV_DONTNEED) }
    }

    /// Runs `body` with the bytes, keeping the mapping meanwhile.
    public func withBytes<Result, Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result) throws(Failure) -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(bytes)
    }
}
