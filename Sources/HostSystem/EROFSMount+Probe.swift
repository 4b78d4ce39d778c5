internal import EROFS

/// Whether this machine mounts EROFS images from files.
public enum EROFSSupport: Equatable, Sendable {
    /// It does, and reads content files in this way.
    case works(EROFSMount.DataPath)
    /// It does not; the reason in one line.
    case refused(reason: String)
}

extension EROFSMount {
    /// Tries it: mounts a tiny image with a content file, reads the file, unmounts. All in a temporary directory that is gone afterwards.
    ///
    /// - Parameter directory: where images and content files are to be; the answer may differ between file systems.
    public static func probe(in directory: String) -> EROFSSupport {
        do throws(HostError) {
            let scratch = try TemporaryDirectory(in: directory, prefix: "probe-")
            defer { withExtendedLifetime(scratch) {} }
            let answer = try probe(scratch: scratch.path)
            try scratch.remove()
            return answer
        } catch {
            return .refused(reason: error.description)
        }
    }

    /// As `probe(in:)`, but what has worked since the machine was booted is not tried again: it takes a tenth of what starting a container takes.
    ///
    /// - Parameter memory: a file that remembers it; best on the same file system. What is there need not be believed by anybody who mounts.
    public static func probe(in directory: String, remembering memory: String) -> EROFSSupport {
        // Where the boot cannot be told, nothing is remembered.
        guard let boot = try? Files.read("/proc/sys/kernel/random/boot_id", limit: 128) else { return probe(in: directory) }
        if let known = try? Files.read(memory, limit: 256), known.starts(with: boot),
            let path = DataPath(rawValue: String(decoding: known.dropFirst(boot.count), as: UTF8.self))
        {
            return .works(path)
        }
        let answer = probe(in: directory)
        if case .works(let path) = answer {
            // Without it the next one tries again.
            try? AtomicFile.write(boot + Array(path.rawValue.utf8), to: memory, durably: false)
        }
        return answer
    }

    private static func probe(scratch: String) throws(HostError) -> EROFSSupport {
        let content = (0..<8192).map { UInt8($0 % 251) }
        let (image, device, top) = (scratch + "/tree.erofs", scratch + "/content", scratch + "/mount")
        try AtomicFile.write(probeImage(size: content.count), to: image)
        try AtomicFile.write(content, to: device)
        try Files.makeDirectories(top)
        let path = try EROFSMount(image: image, devices: [device]).mount(at: top)
        let seen: [UInt8]
        do throws(HostError) {
            seen = try Files.read(top + "/file", limit: content.count)
        } catch {
            try Mounts.unmount(top)
            throw error
        }
        try Mounts.unmount(top)
        return seen == content ? .works(path) : .refused(reason: "a file of an EROFS mount does not read as it was written")
    }

    /// A directory with one file, `file`, of so many bytes.
    private static func probeImage(size: Int) throws(HostError) -> [UInt8] {
        var tree = EROFSTree(root: EROFSTree.Node(mode: 0o040755))
        tree.contentSizes = [UInt64(size)]
        var file = EROFSTree.Node(mode: 0o100444)
        file.size = UInt64(size)
        let number = tree.append(file)
        Array("file".utf8).withUnsafeBytes { tree.link(number, in: 0, name: $0) }
        do {
            return try EROFSWriter.image(of: tree)
        } catch {
            throw .malformed(path: "(probe image)", reason: error.description)
        }
    }
}
