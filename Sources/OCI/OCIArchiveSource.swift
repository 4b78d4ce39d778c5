internal import Digests
internal import Glibc

/// An image in a tar of an OCI image layout, read in place: nothing is unpacked.
public struct OCIArchiveSource: ImageSource {
    private let path: String
    private let tag: String?
    private let file: LayoutFile
    private let members: [String: (start: Int64, size: Int64)]

    /// Members of an archive at most; a layout has a handful, and each costs memory.
    private static let maximumMembers = 100_000

    /// Opens an archive and lists its members.
    ///
    /// - Throws: `LayoutError`.
    public init(file path: String, tag: String?) throws {
        self.path = path
        self.tag = tag
        file = try LayoutFile(path)
        members = try OCIArchiveSource.list(file)
    }

    /// `oci-archive:FILE[:TAG]`.
    public var name: String { ImageName.archive(file: path, tag: tag).description }

    private static func list(_ file: LayoutFile) throws(LayoutError) -> [String: (start: Int64, size: Int64)] {
        let end = try file.size()
        var members: [String: (start: Int64, size: Int64)] = [:]
        var offset: Int64 = 0
        let block = Int64(ArchiveHeader.blockSize)
        while offset + block <= end {
            guard let member = try ArchiveHeader.parse(file.bytes(at: offset, count: Int(block)), path: file.path) else { break }
            guard member.size <= end - offset - block else { throw .notALayout(path: file.path, reason: "\(member.name) is cut short") }
            if member.isFile { members[member.name] = (offset + block, member.size) }
            offset += block + (member.size + block - 1) / block * block
            guard members.count <= maximumMembers else { throw .notALayout(path: file.path, reason: "more than \(maximumMembers) members") }
        }
        return members
    }

    private func document(_ name: String) throws -> [UInt8] {
        guard let member = members[name] else { throw LayoutError.notALayout(path: path, reason: "there is no \(name)") }
        guard member.size <= Documents.maximumSize else { throw DocumentError.tooLarge(what: "\(path): \(name)", size: Int(member.size)) }
        return try file.bytes(at: member.start, count: Int(member.size))
    }

    /// What the layout's index names.
    public func root() async throws -> (Descriptor, [UInt8]) {
        let index = try Documents.decode(Index.self, from: document("index.json"), what: path + ": index.json")
        let descriptor = try LayoutIndex.image(in: index, tag: tag, path: path)
        return (descriptor, try await document(descriptor))
    }

    /// A manifest or index of the archive.
    public func document(_ descriptor: Descriptor) async throws -> [UInt8] {
        let bytes = try document("blobs/sha256/" + descriptor.digest.hex)
        try LayoutIndex.verify(bytes, descriptor, path: path)
        return bytes
    }

    /// A blob of the archive.
    public func blob(_ descriptor: Descriptor) async throws -> any BlobStream {
        FileBlobStream(file, start: try start(of: descriptor), descriptor: descriptor)
    }

    /// A blob of the archive in parts.
    public func ranges(_ descriptor: Descriptor) async throws -> any BlobRanges {
        FileRanges(file: file, start: try start(of: descriptor), size: UInt64(max(0, descriptor.size)))
    }

    /// The archive beside this one; see the destination's.
    public func companion(tagSuffix: String) throws -> any ImageSource {
        try OCIArchiveSource(file: OCIArchiveSource.companion(of: path, tagSuffix), tag: tag.map { $0 + tagSuffix })
    }

    static func companion(of path: String, _ tagSuffix: String) -> String {
        path.hasSuffix(".tar") ? path.dropLast(".tar".count) + tagSuffix + ".tar" : path + tagSuffix
    }

    private func start(of descriptor: Descriptor) throws(LayoutError) -> Int64 {
        guard let member = members["blobs/sha256/" + descriptor.digest.hex] else {
            throw LayoutError.notALayout(path: path, reason: "blob \(descriptor.digest) is missing")
        }
        guard member.size == descriptor.size else {
            throw LayoutError.mismatch(path: path, digest: descriptor.digest, reason: "\(member.size) bytes instead of \(descriptor.size)")
        }
        return member.start
    }
}
