import Digests
import EStargz
import OCI
import Synchronization
import Tar

/// A lazy layer in memory whose files hold noise, so that its blob is about as large as they are.
struct TestLayer {
    let blob: [UInt8]
    let layer: EStargzLayer
    var descriptor: Descriptor

    /// The same with what our converter says of it in the manifest.
    var hinted: TestLayer {
        var hinted = self
        hinted.descriptor.annotations?[Annotation.openingHint] = "\(layer.tocOffset):\(layer.prefetchEnd):\(layer.size)"
        return hinted
    }

    private final class Output: BlobOutput {
        let bytes = Mutex<[UInt8]>([])
        func write(_ piece: UnsafeRawBufferPointer) { bytes.withLock { $0.append(contentsOf: piece) } }
    }

    private final class Input: TarInput {
        private let bytes: [UInt8]
        private var position = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
            let count = min(buffer.count, bytes.count - position)
            buffer.copyBytes(from: bytes[position..<position + count])
            position += count
            return count
        }
    }

    /// - Parameters:
    ///   - sizes: of the files, in bytes.
    ///   - prioritized: files before the landmark; 0 for none.
    ///   - repeated: ranges of the first file that stand before the landmark, too.
    ///   - hasLandmark: whether a layer without such files says so.
    ///   - seed: another one makes other bytes.
    init(
        sizes: [Int], prioritized: Int = 0, repeated: [Range<Int64>] = [], hasLandmark: Bool = true, seed: UInt64 = 1,
        format: LayerFormat = .estargz
    ) throws {
        var noise = Noise(state: seed)
        let output = Output()
        let writer = try EStargzWriter(
            options: EStargzWriter.Options(format: format, chunkSize: 1 << 20),
            pool: MemberPool(jobs: 2, compression: format.compression, level: 1), output: output)
        if prioritized == 0, repeated.isEmpty, hasLandmark { try writer.appendLandmark(prefetch: false) }
        for (index, size) in sizes.enumerated() {
            let content = noise.bytes(size)
            if index == 0, !repeated.isEmpty {
                let bytes = repeated.flatMap { content[Int($0.lowerBound)..<Int($0.upperBound)] }
                try writer.appendRepetition(0, of: repeated, bytes: bytes)
                try writer.appendLandmark(prefetch: true)
            }
            let archive =
                TarWriter.header(name: "file\(index)", size: Int64(size)) + content + TarWriter.padding(afterSize: Int64(size))
                + TarWriter.end
            let reader = TarReader(Input(archive))
            while let entry = try reader.next() { try writer.append(entry, payload: reader, repeated: index == 0 ? repeated : []) }
            if index + 1 == prioritized { try writer.appendLandmark(prefetch: true) }
        }
        layer = try writer.finish()
        blob = output.bytes.withLock { $0 }
        descriptor = Descriptor(
            mediaType: MediaType.layerGzip, digest: layer.digest, size: Int64(blob.count),
            annotations: [Annotation.tocDigest: layer.tocDigest.description])
    }

    /// Some 5 MB in 50 files, from a few bytes to several chunks; made once.
    static func usual() throws -> TestLayer { try made.get() }

    private static let made = Result {
        try TestLayer(sizes: (0..<50).map { $0 == 22 ? 1_500_000 : 1 + ($0 * 7919) % 150_000 })
    }
}

/// Bytes that do not compress, the same each time.
private struct Noise {
    var state: UInt64

    mutating func bytes(_ count: Int) -> [UInt8] {
        var words = [UInt64](repeating: 0, count: (count + 7) / 8)
        words.withUnsafeMutableBufferPointer { words in
            for index in words.indices {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                words[index] = state ^ state >> 29
            }
        }
        return words.withUnsafeBytes { Array($0.prefix(count)) }
    }
}
