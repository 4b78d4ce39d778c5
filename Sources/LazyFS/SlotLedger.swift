internal import Glibc
internal import HostSystem
internal import Synchronization

/// Which mount there is and what its slots show, on the disk: what the next process needs to go on serving it.
///
///     starling-mount 1 <name> <device> <greeting>    the mount: its name at the keeper, its device number in mountinfo, bytes with commas between
///     +<slot> <tab> <key> <tab> <origin>             a slot shows that from now on
///     -<slot>                                        a slot shows nothing any more
///     ^<slot>                                        the slot that was given out last
///
/// A line is written before its slot is served and outlives the process with it. It need not outlive the machine: no mount does, and the
/// mount's device number tells. A line without an end was never acted on.
final class SlotLedger: Sendable {
    /// The mount that a ledger belongs to.
    struct Mount: Equatable, Sendable {
        /// Unlike any other's.
        let name: String
        /// `major:minor`, as in mountinfo.
        let device: String
        /// See `FuseDevice.greeting`.
        let greeting: [UInt8]
    }

    /// What a ledger says.
    struct Contents: Equatable, Sendable {
        var mount: Mount
        var slots: [Int: SlotContents] = [:]
        var last = 0
    }

    private struct File {
        let descriptor: Int32
        var size: Int
    }

    private let path: String
    private let file: Mutex<File>

    /// Most bytes of a ledger that are read: 16,384 slots with long names, and as many that were removed since the last start.
    private static let limit = 64 << 20

    /// Begins a ledger; whatever has its path is replaced.
    init(path: String, _ contents: Contents) throws(LazyFSError) {
        self.path = path
        let text = Self.text(contents)
        do throws(HostError) {
            try AtomicFile.write(Array(text.utf8), to: path, mode: 0o600)
        } catch {
            throw .ledger(path: path, reason: error.description)
        }
        file = Mutex(try Self.open(path, size: text.utf8.count))
    }

    /// Goes on with the ledger that is there.
    init(goingOnWith path: String) throws(LazyFSError) {
        self.path = path
        let bytes = try Self.bytes(of: path)
        file = Mutex(try Self.open(path, size: (bytes.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1))
    }

    private static func open(_ path: String, size: Int) throws(LazyFSError) -> File {
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard descriptor >= 0, ftruncate(descriptor, off_t(size)) == 0 else {
            let code = errno
            if descriptor >= 0 { close(descriptor) }
            throw .ledger(path: path, reason: HostError.text(code))
        }
        return File(descriptor: descriptor, size: size)
    }

    deinit { _ = file.withLock { close($0.descriptor) } }

    /// Notes what a slot shows.
    func add(_ slot: Int, _ contents: SlotContents) throws(LazyFSError) { try append(Self.line(slot, contents)) }

    /// Notes that a slot shows nothing any more.
    func remove(_ slot: Int) throws(LazyFSError) { try append("-\(slot)\n") }

    private func append(_ line: String) throws(LazyFSError) {
        let bytes = Array(line.utf8)
        let code = file.withLock { file -> Int32 in
            if write(file.descriptor, bytes, bytes.count) == bytes.count {
                file.size += bytes.count
                return 0
            }
            let code = errno
            // Half a line would swallow the next one.
            ftruncate(file.descriptor, off_t(file.size))
            return code == 0 ? ENOSPC : code
        }
        guard code == 0 else { throw .ledger(path: path, reason: HostError.text(code)) }
    }

    // MARK: Text

    /// Reads a ledger; nil when there is none.
    static func read(_ path: String) throws(LazyFSError) -> Contents? {
        guard Files.exists(path) else { return nil }
        guard let contents = parse(String(decoding: try bytes(of: path), as: UTF8.self)) else {
            throw .ledger(path: path, reason: "not a list of slots of this version")
        }
        return contents
    }

    private static func bytes(of path: String) throws(LazyFSError) -> [UInt8] {
        do throws(HostError) {
            return try Files.read(path, limit: limit)
        } catch {
            throw .ledger(path: path, reason: error.description)
        }
    }

    static func text(_ contents: Contents) -> String {
        let mount = contents.mount
        let greeting = mount.greeting.map(String.init).joined(separator: ",")
        let slots = contents.slots.sorted { $0.key < $1.key }.map { line($0.key, $0.value) }
        return "starling-mount 1 \(mount.name) \(mount.device) \(greeting)\n\(slots.joined())^\(contents.last)\n"
    }

    static func parse(_ text: String) -> Contents? {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // After the last end there is nothing, or a line that was not finished.
        lines.removeLast()
        guard let head = lines.first, let mount = mount(head) else { return nil }
        var contents = Contents(mount: mount)
        for line in lines.dropFirst() {
            let fields = line.dropFirst().split(separator: "\t", omittingEmptySubsequences: false)
            guard let first = fields.first, let slot = Int(first), (0..<SlotTable.capacity).contains(slot) else { return nil }
            switch (line.first, fields.count) {
            case ("+", 3):
                contents.slots[slot] = SlotContents(key: String(fields[1]), origin: String(fields[2]))
                contents.last = slot
            case ("-", 1): contents.slots[slot] = nil
            case ("^", 1): contents.last = slot
            default: return nil
            }
        }
        return contents
    }

    private static func line(_ slot: Int, _ contents: SlotContents) -> String { "+\(slot)\t\(contents.key)\t\(contents.origin)\n" }

    private static func mount(_ line: Substring) -> Mount? {
        let fields = line.split(separator: " ")
        guard fields.count == 5, fields[0] == "starling-mount", fields[1] == "1" else { return nil }
        let bytes = fields[4].split(separator: ",")
        let greeting = bytes.compactMap { UInt8($0) }
        guard greeting.count == bytes.count else { return nil }
        return Mount(name: String(fields[2]), device: String(fields[3]), greeting: greeting)
    }
}
