import EROFS
import Glibc
import TestSupport
import Testing

@testable import HostSystem

@Suite("EROFS mounts", .serialized)
struct EROFSMountTests {
    private let directory: TemporaryDirectory

    init() throws {
        try requireRoot()
        directory = try TemporaryDirectory()
    }

    /// Content file `index` of the image: its number over and over.
    private func content(_ index: Int) -> [UInt8] { [UInt8](repeating: UInt8(index % 256), count: 4096 * (index % 3 + 1)) }

    /// An image with a file on each of some content devices, and the devices.
    private func make(devices count: Int, in place: String) throws -> EROFSMount {
        try Files.makeDirectories(place)
        var tree = EROFSTree(root: EROFSTree.Node(mode: 0o040755))
        tree.contentSizes = (0..<count).map { UInt64(content($0).count) }
        for index in 0..<count {
            var file = EROFSTree.Node(mode: 0o100644)
            (file.size, file.contentDevice) = (UInt64(content(index).count), UInt16(index + 1))
            let number = tree.append(file)
            Array("file-\(index)".utf8).withUnsafeBytes { tree.link(number, in: 0, name: $0) }
            try AtomicFile.write(content(index), to: place + "/content-\(index)")
        }
        try AtomicFile.write(EROFSWriter.image(of: tree), to: place + "/tree.erofs")
        return EROFSMount(image: place + "/tree.erofs", devices: (0..<count).map { place + "/content-\($0)" })
    }

    @Test("every file is read from its own content file, however many there are", arguments: [1, 3, 24, 512])
    func devices(count: Int) throws {
        let mount = try make(devices: count, in: directory.path)
        let top = directory.path + "/mount"
        try Files.makeDirectories(top)
        try mount.mount(at: top)
        defer { try? Mounts.unmount(top) }
        for index in 0..<count { #expect(try Files.read(top + "/file-\(index)", limit: 1 << 20) == content(index)) }
        let point = try #require(try Mounts.mountPoints().last { $0.path == top })
        #expect(point.type == "erofs" && point.options.hasPrefix("ro") && point.source == mount.image)
    }

    @Test("paths longer than an option may be are mounted")
    func longPaths() throws {
        let place = directory.path + "/" + (0..<3).map { "\($0)" + String(repeating: "n", count: 150) }.joined(separator: "/")
        let mount = try make(devices: 3, in: place)
        try Files.makeDirectories(place + "/mount")
        try mount.mount(at: place + "/mount")
        defer { try? Mounts.unmount(place + "/mount") }
        for index in 0..<3 { #expect(try Files.read(place + "/mount/file-\(index)", limit: 1 << 20) == content(index)) }
    }

    @Test("what does not fit together is refused with the file's name, and nothing is mounted")
    func refused() throws {
        let place = directory.path
        let right = try make(devices: 2, in: place)
        try AtomicFile.write([1], to: place + "/short")
        try AtomicFile.write([UInt8](repeating: 0, count: 8192), to: place + "/zeros")
        try Files.makeDirectories(place + "/mount")
        func refusal(_ image: String, _ devices: [String], at target: String = "/mount") -> String? {
            #expect(throws: HostError.self) { try EROFSMount(image: image, devices: devices).mount(at: place + target) }?.description
        }
        #expect(refusal(right.image, [right.devices[0]])?.contains("has 2 content files, 1 are given") == true)
        #expect(refusal(right.image, [right.devices[0], place + "/short"])?.hasPrefix(place + "/short: 1 bytes of content") == true)
        #expect(refusal(right.image, [right.devices[0], "/dev/zero"])?.contains("must be a regular file") == true)
        #expect(refusal(right.image, [right.devices[0], place + "/missing"])?.contains(place + "/missing") == true)
        #expect(refusal(place + "/zeros", [])?.contains("no superblock") == true)
        #expect(refusal(place + "/missing", []) == "cannot open \(place)/missing: No such file or directory")
        #expect(refusal(right.image, right.devices, at: "/nowhere")?.contains("No such file or directory") == true)
        #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(place) })
    }

    @Test("the kernel's own words are part of the error")
    func words() throws {
        let context = try FileSystemContext(type: "erofs")
        let error = #expect(throws: HostError.self) { try context.set("nonsense", "1") }
        guard case .notMounted(_, _, EINVAL, let words) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(words.contains("nonsense"))
        #expect(error?.description.contains("(the kernel: \(words))") == true)
        let isKnown = context.setIfKnown("nonsense")
        #expect(!isKnown)
        let none = #expect(throws: HostError.self) { _ = try FileSystemContext(type: "nonsense") }
        #expect(none?.code == ENODEV)
    }

    @Test("what the probe has found is remembered until the machine is booted again, and only what works")
    func remembered() throws {
        let memory = directory.path + "/native"
        let missing = directory.path + "/missing"
        guard case .refused = EROFSMount.probe(in: missing, remembering: memory) else { throw TestFailure("nothing can be mounted there") }
        #expect(!Files.exists(memory))
        #expect(EROFSMount.probe(in: directory.path, remembering: memory) == .works(.direct))
        // Not tried again.
        #expect(EROFSMount.probe(in: missing, remembering: memory) == .works(.direct))
        // Of another boot, or nonsense.
        for text in ["00000000-0000-0000-0000-000000000000\ndirect", ""] {
            try AtomicFile.write(Array(text.utf8), to: memory)
            guard case .refused = EROFSMount.probe(in: missing, remembering: memory) else { throw TestFailure("that was believed") }
        }
    }

    @Test("the probe answers, and leaves nothing behind")
    func probe() throws {
        #expect(EROFSMount.probe(in: directory.path) == .works(.direct))
        #expect(try Files.entries(directory.path).isEmpty)
        guard case .refused(let reason) = EROFSMount.probe(in: directory.path + "/missing") else {
            Issue.record("a directory that is missing cannot be mounted from")
            return
        }
        #expect(reason.contains("No such file or directory"))
    }
}
