internal import Glibc
internal import HostSystem
internal import OCI

/// A device of the host that a container gets.
public struct DeviceMapping: Equatable, Sendable {
    /// Path on the host: a device, or a directory of some.
    public let source: String
    /// Path in the container.
    public let destination: String
    /// What may be done: read, write, mknod.
    public let access: String

    /// Parses docker's `SOURCE[:DESTINATION][:rwm]`.
    public init(parsing text: String) throws(InvalidOption) {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let last = parts.last ?? ""
        if parts.count > 1, !last.hasPrefix("/") {
            guard !last.isEmpty, last.allSatisfy({ "rwm".contains($0) }) else {
                throw InvalidOption(text: text, reason: "access is some of r, w and m")
            }
            access = last
            parts.removeLast()
        } else {
            access = "rwm"
        }
        guard parts.count <= 2, parts.allSatisfy({ $0.hasPrefix("/") }) else {
            throw InvalidOption(text: text, reason: "expected /dev/SOURCE[:/dev/DESTINATION][:rwm]")
        }
        source = parts[0]
        destination = parts.count > 1 ? parts[1] : parts[0]
    }

    /// One device, as the runtime makes it.
    struct Device: Equatable {
        let path: String
        /// `c` or `b`.
        let type: String
        let major: Int64
        let minor: Int64
        let mode: UInt32
        let uid: UInt32
        let gid: UInt32

        var json: JSONValue {
            .object([
                "path": .string(path), "type": .string(type), "major": .integer(major), "minor": .integer(minor),
                "fileMode": .integer(Int64(mode)), "uid": .integer(Int64(uid)), "gid": .integer(Int64(gid)),
            ])
        }

        func rule(_ access: String) -> JSONValue {
            .object([
                "allow": .bool(true), "type": .string(type), "major": .integer(major), "minor": .integer(minor), "access": .string(access),
            ])
        }
    }

    /// The devices that this is now.
    ///
    /// - Throws: `ContainerError.noDevice`.
    func devices() throws -> [Device] {
        if Files.isDirectory(source) {
            return try Files.entries(source).compactMap { DeviceMapping.device(source + "/" + $0, as: destination + "/" + $0) }
        }
        guard let device = DeviceMapping.device(source, as: destination) else { throw ContainerError.noDevice(source) }
        return [device]
    }

    /// Everything in /dev that is a device, for privileged containers; terminals, queues and shared memory they have of their own.
    static func all() throws(HostError) -> [Device] { try devices(in: "/dev", depth: 0) }

    private static let ownDirectories: Set<String> = ["/dev/pts", "/dev/shm", "/dev/fd", "/dev/mqueue"]
    /// Deep enough for /dev/bus/usb/001 and /dev/disk's like.
    private static let deepest = 6

    private static func devices(in directory: String, depth: Int) throws(HostError) -> [Device] {
        var found: [Device] = []
        for name in try Files.entries(directory) where directory + "/" + name != "/dev/console" {
            let path = directory + "/" + name
            var facts = stat()
            guard lstat(path, &facts) == 0 else { continue }
            switch facts.st_mode & S_IFMT {
            case S_IFDIR where depth < deepest && !ownDirectories.contains(path): found += try devices(in: path, depth: depth + 1)
            case S_IFCHR, S_IFBLK: found += device(path, as: path).map { [$0] } ?? []
            default: break
            }
        }
        return found
    }

    private static func device(_ path: String, as destination: String) -> Device? {
        guard let node = DeviceNode(path) else { return nil }
        return Device(
            path: destination, type: node.isBlock ? "b" : "c", major: Int64(node.major), minor: Int64(node.minor), mode: node.permissions,
            uid: node.uid, gid: node.gid)
    }
}
