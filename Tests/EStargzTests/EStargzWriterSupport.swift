import Compression
import Digests
import EStargz
import Glibc
import Synchronization
import Tar

/// A blob in memory, which can fail after some bytes as a full disk does.
final class MemoryOutput: BlobOutput {
    struct Full: Error {}
    private let state = Mutex<[UInt8]>([])
    private let limit: Int

    init(limit: Int = .max) { self.limit = limit }

    var bytes: [UInt8] { state.withLock { $0 } }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        try state.withLock {
            guard $0.count + bytes.count <= limit else { throw Full() }
            $0.append(contentsOf: bytes)
        }
    }
}

/// A tar archive in memory.
final class MemoryTar: TarInput {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = min(buffer.count, bytes.count - position)
        buffer.copyBytes(from: bytes[position..<position + count])
        position += count
        return count
    }
}

struct TestFailure: Error { let reason: String }

/// A file of testdata.
func testdata(_ name: String, file: String = #filePath) throws -> [UInt8] {
    let root = file.split(separator: "/").dropLast(3).joined(separator: "/")
    guard let stream = fopen("/\(root)/testdata/\(name)", "r") else { throw TestFailure(reason: "testdata/\(name) is missing") }
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while case let count = fread(&buffer, 1, buffer.count, stream), count > 0 { bytes += buffer[..<count] }
    return bytes
}

/// Decompresses everything.
func gunzip(_ bytes: [UInt8]) throws -> [UInt8] {
    var rest = bytes[...]
    let reader = try DecompressingReader(algorithm: .gzip) { buffer in
        let piece = rest.prefix(buffer.count)
        buffer.copyBytes(from: piece)
        rest = rest.dropFirst(piece.count)
        return piece.count
    }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while case let count = try buffer.withUnsafeMutableBytes({ try reader.read(into: $0) }), count > 0 { content += buffer[..<count] }
    return content
}

struct WrittenLayer {
    var layer: EStargzLayer
    var blob: [UInt8]
    var toc: TOC
}

/// Converts a tar archive.
func write(
    _ tar: [UInt8], jobs: Int = 2, level: Int = 1, chunkSize: Int = TOC.defaultChunkSize, bytesInFlight: Int = 8 << 20
) throws -> WrittenLayer {
    let pool = try MemberPool(jobs: jobs, level: level, bytesInFlight: bytesInFlight)
    let output = MemoryOutput()
    let writer = try EStargzWriter(options: EStargzWriter.Options(chunkSize: chunkSize), pool: pool, output: output)
    try writer.appendArchive(TarReader(MemoryTar(tar)))
    let layer = try writer.finish()
    return WrittenLayer(layer: layer, blob: output.bytes, toc: try toc(of: output.bytes))
}

/// The TOC that a blob's footer leads to.
func toc(of blob: [UInt8]) throws -> TOC {
    let footer = try blob.withUnsafeBytes { try Footer.parse(suffix: $0) }
    guard case .estargz(let offset) = footer else { throw TestFailure(reason: "the footer is \(footer)") }
    let reader = TarReader(MemoryTar(try gunzip(Array(blob[Int(offset)...]))))
    guard let entry = try reader.next(), entry.name == TOC.entryName else { throw TestFailure(reason: "no TOC entry at \(offset)") }
    var json: [UInt8] = []
    while try reader.withPayload(atMost: .max, { json += $0 }) != nil {}
    return try json.withUnsafeBytes { try TOCParser.parse($0) }
}

/// A small archive of regular files with the given names and contents.
func archive(_ files: [(name: String, content: [UInt8])]) -> [UInt8] {
    files.reduce(into: []) { result, file in
        let size = Int64(file.content.count)
        result += TarWriter.header(name: file.name, size: size) + file.content + TarWriter.padding(afterSize: size)
    } + TarWriter.end
}
