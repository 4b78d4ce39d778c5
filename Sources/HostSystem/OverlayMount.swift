internal import CLinux
internal import Glibc

/// An overlayfs mount: read-only directories stacked below one that takes the changes.
public struct OverlayMount: Sendable {
    /// What the mount table names as mounted.
    public var source: String
    /// Read-only directories, the topmost first.
    public var lowerDirectories: [String]
    /// Directory that takes the changes; nil for a read-only view.
    public var upperDirectory: String?
    /// Empty directory on the upper directory's file system that overlayfs works in.
    public var workDirectory: String?
    /// Options beyond the directories, such as `metacopy=on`.
    public var extraOptions: [String]

    /// Describes an overlay; `upperDirectory` and `workDirectory` come together.
    public init(
        source: String = "overlay", lowerDirectories: [String], upperDirectory: String? = nil, workDirectory: String? = nil,
        extraOptions: [String] = []
    ) {
        precondition(!lowerDirectories.isEmpty, "an overlay needs a lower directory")
        precondition((upperDirectory == nil) == (workDirectory == nil), "an overlay has both upper and work directory or neither")
        self.source = source
        self.lowerDirectories = lowerDirectories
        self.upperDirectory = upperDirectory
        self.workDirectory = workDirectory
        self.extraOptions = extraOptions
    }

    /// mount(2) copies one page of options, with its terminating zero.
    static let maximumOptionLength = 4095

    /// Mounts the overlay at `target`.
    public func mount(at target: String) throws(HostError) {
        let plain = options(lowerDirectories)
        if plain.utf8.count <= OverlayMount.maximumOptionLength, !lowerDirectories.contains(where: OverlayMount.needsEscape) {
            return try Mounts.mount(type: "overlay", source: source, at: target, options: plain)
        }
        // Many layers or odd names: name the directories by descriptors, which are short and hold no separator.
        var descriptors: [Int32] = []
        defer { descriptors.forEach { _ = close($0) } }
        for directory in lowerDirectories {
            let descriptor = open(directory, STARLING_O_PATH | O_DIRECTORY | O_CLOEXEC)
            guard descriptor >= 0 else { throw .last("open", directory) }
            descriptors.append(descriptor)
        }
        let options = options(descriptors.map { "/proc/self/fd/\($0)" })
        guard options.utf8.count <= OverlayMount.maximumOptionLength else {
            throw .call(operation: "mount an overlay of \(lowerDirectories.count) directories at", path: target, code: E2BIG)
        }
        try Mounts.mount(type: "overlay", source: source, at: target, options: options)
    }

    func options(_ lowers: [String]) -> String {
        var parts = ["lowerdir=" + lowers.joined(separator: ":")]
        if let upperDirectory, let workDirectory {
            parts += ["upperdir=" + OverlayMount.escaped(upperDirectory), "workdir=" + OverlayMount.escaped(workDirectory)]
        }
        return (parts + extraOptions).joined(separator: ",")
    }

    private static func needsEscape(_ path: String) -> Bool {
        path.utf8.contains { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\\") }
    }

    /// overlayfs takes a backslash before a comma or a backslash.
    private static func escaped(_ path: String) -> String {
        path.reduce(into: "") { result, character in
            if character == "," || character == "\\" { result.append("\\") }
            result.append(character)
        }
    }
}
