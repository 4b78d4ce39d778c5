internal import Digests
internal import Glibc
internal import HostSystem

/// An archive in the making: its blobs are collected on the same file system, and written as a tar that gets the file's name when it is
/// whole.
///
/// The blobs are written in the order of their digests: same image, same bytes.
final class ArchiveStaging: Sendable {
    /// Where blobs and documents are collected.
    let blobs: StagedBlobs
    private let path: String
    private let tag: String?

    init(file: String, tag: String?) {
        path = file
        self.tag = tag
        blobs = StagedBlobs(of: file, in: Paths.parent(of: file))
    }

    /// Sees whether something can be written beside the file. Removes what others who were killed have left there.
    func check() throws(LayoutError) {
        TemporaryFile.reap(in: blobs.directory)
        guard access(blobs.directory, W_OK | X_OK) == 0 else { throw .last("create", path) }
        guard !Files.isDirectory(path) else { throw .file(.call(operation: "create", path: path, code: EISDIR)) }
    }

    /// Writes the archive with the image in its index and one more file, if any, and gives it its name.
    func publish(_ descriptor: Descriptor, bytes: [UInt8], more: (name: String, bytes: [UInt8])? = nil) throws {
        try blobs.put(descriptor, .bytes(bytes))
        let index = try Documents.encode(LayoutIndex.adding(descriptor, tag: tag, to: nil))
        try LayoutError.ofFile { () throws(HostError) in
            let archive = try TemporaryFile(in: blobs.directory, for: StagedBlobs.published)
            try add("oci-layout", .bytes(LayoutIndex.marker), to: archive)
            try add("index.json", .bytes(index), to: archive)
            if let more { try add(more.name, .bytes(more.bytes), to: archive) }
            for digest in blobs.digests {
                if let content = blobs.take(digest) { try add("blobs/sha256/" + digest.hex, content, to: archive) }
            }
            try archive.append([UInt8](repeating: 0, count: 2 * ArchiveHeader.blockSize))
            try archive.publish(as: path)
        }
    }

    private func add(_ name: String, _ content: StagedBlobs.Content, to archive: TemporaryFile) throws(HostError) {
        let size: Int64
        switch content {
        case .bytes(let bytes):
            size = Int64(bytes.count)
            try archive.append(ArchiveHeader.block(name: name, size: size))
            try archive.append(bytes)
        case .file(let file):
            size = try file.content.size()
            try archive.append(ArchiveHeader.block(name: name, size: size))
            try move(file.content, to: archive)
        }
        try archive.append(ArchiveHeader.padding(afterSize: size))
    }

    /// Space is given back every 16 MiB: a call for each piece would cost more than it gives.
    private static let releaseStep: Int64 = 16 << 20

    /// Copies a file and gives its space back as it goes: an image is not there twice.
    private func move(_ file: OpenFile, to archive: TemporaryFile) throws(HostError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var offset: Int64 = 0
        while case let count = try file.read(into: buffer, at: offset), count > 0 {
            try archive.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += Int64(count)
            if offset % ArchiveStaging.releaseStep == 0 { file.release(upTo: offset) }
        }
    }

    /// The file of an archive that belongs to this one: the suffix stands before `.tar`.
    static func companion(of path: String, suffix: String) -> String {
        path.hasSuffix(".tar") ? path.dropLast(".tar".count) + suffix + ".tar" : path + suffix
    }
}
