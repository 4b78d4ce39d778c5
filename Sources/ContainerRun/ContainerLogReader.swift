internal import Glibc
internal import HostSystem
internal import OCI

/// Reads a container's log while it is written, over its turns.
///
/// One thread at a time.
final class ContainerLogReader {
    private let path: String
    private var descriptor: Int32 = -1
    private var pending: [UInt8] = []
    /// Whether what is open is the older file still.
    private var isOlder = false

    /// Opens the log from its beginning, the older file first.
    init(path: String) throws(HostError) {
        self.path = path
        isOlder = try open(path + ".1")
        if !isOlder { _ = try open(path) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private func open(_ path: String) throws(HostError) -> Bool {
        let next = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard next >= 0 || errno == ENOENT else { throw .last("open", path) }
        guard next >= 0 else { return false }
        if descriptor >= 0 { close(descriptor) }
        descriptor = next
        return true
    }

    private struct Entry: Decodable {
        let log: String
        let stream: String
        let time: String
    }

    /// A line, with its time as it is written there.
    struct Line: Equatable {
        let stream: ContainerOutput
        let time: String
        let text: String
    }

    /// The lines that have come since the last call; at the end of all that is there, none.
    func next() throws -> [Line] {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = descriptor < 0 ? 0 : read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw HostError.last("read", path) }
            guard count == 0 else {
                pending += buffer[..<count]
                return try lines()
            }
            guard try turnOver() else { return [] }
        }
    }

    /// Goes on with the newer file when what is open is at its end for good; false when there is none.
    private func turnOver() throws(HostError) -> Bool {
        if !isOlder {
            var (ours, named) = (stat(), stat())
            guard stat(path, &named) == 0 else { return false }
            if descriptor >= 0 {
                guard fstat(descriptor, &ours) == 0, ours.st_ino != named.st_ino else { return false }
                // Turned over: what is open is the older one now, and was read to its end before the newer was begun, or nearly so.
                isOlder = true
                return true
            }
        }
        isOlder = false
        return try open(path)
    }

    private func lines() throws -> [Line] {
        var result: [Line] = []
        var rest = pending[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let entry = try Documents.decode(Entry.self, from: Array(rest[..<end]), what: path)
            result.append(Line(stream: ContainerOutput(rawValue: entry.stream) ?? .stdout, time: entry.time, text: entry.log))
            rest = rest[(end + 1)...]
        }
        pending = Array(rest)
        return result
    }
}
