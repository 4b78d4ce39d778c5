internal import Glibc
internal import HostSystem

/// An open directory stream, closed with its last reference. Names are bytes: containers write what is not UTF-8.
final class OpenDirectory {
    /// A name as system calls take it: its bytes and a zero.
    typealias Name = [CChar]

    private let stream: OpaquePointer

    init(path: String) throws(HostError) {
        guard let stream = opendir(path) else { throw .last("open", path) }
        self.stream = stream
    }

    /// A child directory; nil with errno set. A symbolic link is refused.
    init?(_ name: Name, in parent: OpenDirectory) {
        let file = openat(parent.descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { return nil }
        guard let stream = fdopendir(file) else {
            close(file)
            return nil
        }
        self.stream = stream
    }

    deinit { closedir(stream) }

    /// For the `…at` system calls.
    var descriptor: Int32 { dirfd(stream) }

    /// The next name but `.` and `..`; nil at the end.
    func next() -> Name? {
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1)) }
            }
            if name != Self.itself, name != Self.parent { return name }
        }
        return nil
    }

    private static let itself: Name = [0x2e, 0]
    private static let parent: Name = [0x2e, 0x2e, 0]
}
