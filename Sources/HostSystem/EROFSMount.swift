internal import CLinux
internal import EROFS
internal import Glibc

/// An EROFS image in a file, whose files' bytes are in other files, mounted by the kernel itself: no loop device, no server, no copy.
public struct EROFSMount: Sendable {
    /// How the kernel reads the content files.
    public enum DataPath: String, Sendable {
        /// Straight into the page cache of the mount.
        case direct
        /// Through the page cache of the content file: everything is cached twice, and cold random reads take several times as long.
        case buffered
    }

    /// The image.
    public var image: String
    /// The content files, device 1 first. Regular files of any file system, FUSE among them.
    public var devices: [String]

    /// Describes a mount.
    public init(image: String, devices: [String]) {
        self.image = image
        self.devices = devices
    }

    /// Mounts it at `target`, read-only.
    ///
    /// A content file on FUSE is opened while this runs, so its server must not need the calling thread. It must also answer every read in
    /// full or with an error: Linux up to 6.19 at least takes a short answer for a whole one and shows zeros in the place of the rest.
    ///
    /// - Throws: `HostError.malformed` for an image that is none, for another number of content files than it has, and for one that is shorter
    ///   than it must be, all of which the kernel would take or refuse without a word; `HostError.notMounted` with the kernel's own words.
    @discardableResult
    public func mount(at target: String) throws(HostError) -> DataPath {
        try check()
        let context = try FileSystemContext(type: "erofs")
        // Long paths are named by descriptors, which must be open until the kernel has opened the files itself.
        var descriptors: [Int32] = []
        defer { descriptors.forEach { _ = close($0) } }
        try context.set("source", EROFSMount.named(image, &descriptors))
        // Without this, an image on a read-only loop device could not be opened.
        try context.set("ro")
        for device in devices { try context.set("device", EROFSMount.named(device, &descriptors)) }
        let path: DataPath = context.setIfKnown("directio") ? .direct : .buffered
        try context.mountReadOnly(at: target)
        return path
    }

    private static func named(_ path: String, _ descriptors: inout [Int32]) throws(HostError) -> String {
        guard path.utf8.count > FileSystemContext.maximumValueLength else { return path }
        let descriptor = open(path, STARLING_O_PATH | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open", path) }
        descriptors.append(descriptor)
        return "/proc/self/fd/\(descriptor)"
    }

    private func check() throws(HostError) {
        let file = try MappedFile(image)
        defer { withExtendedLifetime(file) {} }
        let tree: EROFSImage
        do {
            tree = try EROFSImage(file.bytes)
        } catch {
            throw .malformed(path: image, reason: error.description)
        }
        guard tree.deviceCount == devices.count else {
            throw .malformed(path: image, reason: "the image has \(tree.deviceCount) content files, \(devices.count) are given")
        }
        for (index, device) in devices.enumerated() {
            var facts = stat()
            guard stat(device, &facts) == 0 else { throw .last("stat", device) }
            let needed = tree.contentSize(ofDevice: index + 1) ?? 0
            guard facts.st_mode & S_IFMT == S_IFREG else { throw .malformed(path: device, reason: "a content file must be a regular file") }
            guard UInt64(facts.st_size) >= needed else {
                throw .malformed(path: device, reason: "\(facts.st_size) bytes of content, and the image \(image) needs \(needed)")
            }
        }
    }
}
