import Compression

/// Bytes that compress about as well as programs do, the same on every run.
func sample(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { index in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return index % 3 == 0 ? UInt8(state >> 56) : UInt8(truncatingIfNeeded: index / 97)
    }
}

func member(_ bytes: [UInt8], level: Int = 6) throws -> [UInt8] {
    var output: [UInt8] = []
    try bytes.withUnsafeBytes { try GzipCompressor(level: level).member($0, into: &output) }
    return output
}

/// Runs a stream decompressor with pieces of the given sizes.
func stream(_ algorithm: Algorithm, _ input: [UInt8], inputStep: Int, outputStep: Int) throws -> (content: [UInt8], garbage: UInt64) {
    let stream = try StreamDecompressor(algorithm)
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: outputStep)
    var position = 0
    while true {
        let end = min(position + inputStep, input.count)
        let (consumed, produced) = try input[position..<end].withUnsafeBytes { source in
            try buffer.withUnsafeMutableBytes { try stream.decompress(input: source, output: $0) }
        }
        content += buffer[..<produced]
        position += consumed
        if consumed == 0, produced == 0, end == input.count { break }
    }
    try stream.finish()
    return (content, stream.garbageBytes)
}
