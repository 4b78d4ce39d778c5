import ArgumentParser
import Glibc
import HostSystem
import Inspection
import OCI
import TreeImage

/// `starling ls IMAGE [PATH]`.
struct List: AsyncParsableCommand, LooksAtImage {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List files of an image, from its TOCs; no layer is downloaded.",
        discussion: """
            Examples:
              starling ls 127.0.0.1:5000/python:3-esgz /usr/bin
              starling ls -lR oci:build/app:latest /etc
            """)

    @OptionGroup var image: ImageArguments

    @Flag(name: .customShort("l"), help: "Long format: mode, links, owner, size, time.")
    var isLong = false

    @Flag(name: [.customShort("R"), .customLong("recursive")], help: "Directories below as well.")
    var isRecursive = false

    @Argument(help: "The image.")
    var name: String

    @Argument(help: "File or directory.")
    var path = "/"

    func run() async throws {
        let (platform, name, path) = (image.wantedPlatform, name, path)
        let lines = try await image.withSource(name) { source -> [String] in
            let image = try await LazyImage(source, platform: platform)
            // As ls does: a link to a directory is listed as the directory, any other is shown as itself.
            if let directory = image.tree.find(path), directory.isDirectory { return list(directory, prefix: "", image.tree) }
            guard let file = image.tree.find(path, followsLast: false) else { throw InspectionError.noFile(path: path, image: source.name) }
            return [line(path, file, image.tree)]
        }
        for line in lines { try Terminal.result(line) }
    }

    private func list(_ directory: MergedTree.File, prefix: String, _ tree: MergedTree) -> [String] {
        var lines: [String] = []
        for (name, file) in tree.entries(of: directory) {
            let path = prefix + String(decoding: name, as: UTF8.self)
            lines.append(line(path, file, tree))
            if isRecursive, file.isDirectory { lines += list(file, prefix: path + "/", tree) }
        }
        return lines
    }

    private func line(_ path: String, _ file: MergedTree.File, _ tree: MergedTree) -> String {
        guard isLong else { return path }
        let attributes = file.attributes
        let isDevice = [0o020000, 0o060000].contains(attributes.mode & 0o170000)
        let size = isDevice ? "\(attributes.deviceMajor), \(attributes.deviceMinor)" : "\(attributes.size)"
        let link = file.isLink ? tree.target(of: file).map { " -> " + String(decoding: $0, as: UTF8.self) } ?? "" : ""
        return "\(List.mode(attributes.mode)) \(padded("\(attributes.linkCount)", 3)) \(padded("\(attributes.uid)", 5)) "
            + "\(padded("\(attributes.gid)", 5)) \(padded(size, 10)) \(List.time(attributes.mtimeSeconds)) \(path)\(link)"
    }

    private func padded(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }

    /// `drwxr-sr-t` and its like.
    static func mode(_ mode: UInt16) -> String {
        let kinds: [UInt16: Character] = [0o040000: "d", 0o120000: "l", 0o020000: "c", 0o060000: "b", 0o010000: "p", 0o140000: "s"]
        var text =
            [kinds[mode & 0o170000] ?? "-"] + "rwxrwxrwx".enumerated().map { mode >> UInt16(8 - $0.offset) & 1 == 1 ? $0.element : "-" }
        for (bit, place, letter) in [(UInt16(0o4000), 3, "s"), (0o2000, 6, "s"), (0o1000, 9, "t")] where mode & bit != 0 {
            text[place] = text[place] == "x" ? Character(letter) : Character(letter.uppercased())
        }
        return String(text)
    }

    /// `2023-11-14 22:13` in UTC: an image has no time zone.
    static func time(_ seconds: Int64) -> String {
        var moment = time_t(seconds)
        var parts = tm()
        guard gmtime_r(&moment, &parts) != nil else { return "\(seconds)" }
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) \(two(parts.tm_hour)):\(two(parts.tm_min))"
    }
}

/// `starling cat IMAGE PATH`.
struct Cat: AsyncParsableCommand, LooksAtImage {
    static let configuration = CommandConfiguration(
        commandName: "cat",
        abstract: "Print files of an image; only their chunks are downloaded, and each is verified before it is printed.",
        discussion: """
            Examples:
              starling cat 127.0.0.1:5000/python:3-esgz /etc/os-release
            """)

    @OptionGroup var image: ImageArguments

    @Argument(help: "The image.")
    var name: String

    @Argument(help: "Files.")
    var paths: [String]

    func run() async throws {
        let (platform, paths) = (image.wantedPlatform, paths)
        try await image.withSource(name) { source in
            let image = try await LazyImage(source, platform: platform)
            for path in paths {
                try await image.read(path) { bytes in
                    try bytes.withUnsafeBytes { try FileDescriptors.write($0, to: 1, path: "standard output") }
                }
            }
        }
    }
}
