internal import Compression
public import Digests
public import HostSystem
public import OCI
internal import Tar

/// Unpacks whole layers that cannot be mounted lazily, into directories that overlayfs takes as lower ones.
///
///     ROOT/unpacked/<64 hex of the diffID>/   a layer, complete and durable; used by every image that has it
///     ROOT/unpacked/.new-<random>/            one in the making: lock, tree/
public struct LayerUnpacker: Sendable {
    private let directory: String

    private static let temporaryPrefix = ".new-"

    /// An unpacker under a root; removes what killed processes have left half done.
    public init(root: String) throws(HostError) {
        directory = root + "/unpacked"
        let directory = directory
        try Files.makeDirectories(directory, mode: 0o700)
        try LockedDirectory.reap(in: directory, where: { $0.hasPrefix(LayerUnpacker.temporaryPrefix) }) { name throws(HostError) in
            try Files.remove(directory + "/" + name)
        }
    }

    /// The directory of a layer that was unpacked before; nil when it was not.
    public func existing(_ diffID: Digest) -> String? {
        let path = path(diffID)
        return Files.isDirectory(path) ? path : nil
    }

    /// Unpacks a layer: gzip, zstd or plain tar, told by its first bytes.
    ///
    /// Nothing is visible under the final name before every byte was written and checked.
    /// - Parameters:
    ///   - layer: digest of the blob, for messages; the stream itself verifies it.
    ///   - diffID: digest that the uncompressed bytes must have.
    ///   - stream: the blob; read to its end, or cancelled after an error.
    /// - Returns: the directory.
    /// - Throws: `ContainerError`, `HostError`, or what the stream throws.
    public func unpack(layer: Digest, diffID: Digest, from stream: any BlobStream) throws -> String {
        if let path = existing(diffID) {
            stream.cancel()
            return path
        }
        let home = try LockedDirectory(LayerUnpacker.temporaryPrefix + RandomName.make(), in: directory)
        do {
            let tree = home.path + "/tree"
            try Files.makeDirectories(tree)
            try write(layer, diffID, from: stream, to: tree)
            try Files.syncFileSystem(of: tree)
            try publish(tree, as: path(diffID))
            try Files.remove(home.path)
            return path(diffID)
        } catch {
            stream.cancel()
            // The first failure is the one to tell; a rest is removed by the next unpacker.
            try? Files.remove(home.path)
            throw error
        }
    }

    /// Removes the directory of a layer, which nothing may use; says whether it was there.
    public func remove(_ diffID: Digest) throws(HostError) -> Bool {
        guard existing(diffID) != nil else { return false }
        // Out of sight in one step: a layer is whole or not there.
        let aside = try LockedDirectory(LayerUnpacker.temporaryPrefix + RandomName.make(), in: directory)
        try Files.move(path(diffID), to: aside.path + "/tree")
        try Files.remove(aside.path)
        return true
    }

    private func path(_ diffID: Digest) -> String { directory + "/" + diffID.hex }

    private func write(_ layer: Digest, _ diffID: Digest, from stream: any BlobStream, to tree: String) throws {
        do {
            let input = try LayerInput(stream)
            try LayerTreeWriter(tree, layer: layer).write(TarReader(input))
            let actual = try input.finish()
            guard actual == diffID else { throw ContainerError.diffID(layer: layer, expected: diffID, actual: actual) }
        } catch let error as TarError {
            throw ContainerError.layer(layer, reason: error.description)
        } catch let error as CompressionError {
            throw ContainerError.layer(layer, reason: error.description)
        }
    }

    /// Gives the tree its name; when another process was faster, its tree is as good.
    private func publish(_ tree: String, as path: String) throws(HostError) {
        do {
            try Files.move(tree, to: path)
        } catch  where Files.isDirectory(path) {
            return
        }
    }
}

/// A blob's uncompressed bytes, hashed on the way.
private final class LayerInput: TarInput {
    private let reader: DecompressingReader
    private var hasher = SHA256Hasher()

    init(_ stream: any BlobStream) throws {
        reader = try DecompressingReader { try stream.read(into: $0) }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try reader.read(into: buffer)
        hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        return count
    }

    /// Reads what follows the archive, for digests cover it too, and returns the digest of everything.
    func finish() throws -> Digest {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while try read(into: buffer) > 0 {}
        return hasher.digestSoFar()
    }
}
