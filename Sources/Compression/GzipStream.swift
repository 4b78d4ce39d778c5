internal import CZlib

/// Many gzip members as one stream, with zlib; what follows the last member is treated as gzip(1) treats it.
///
/// Between members the next two bytes decide: another magic number goes on, anything else ends the content. Zero bytes
/// there are padding of tapes and pass silently, other bytes are garbage that is skipped and counted.
struct GzipStream: ~Copyable {
    private enum State { case member, boundary, halfMagic, ended }

    private let stream: UnsafeMutablePointer<z_stream>
    private let firstMagicByte: UnsafeMutableRawBufferPointer
    private var state = State.member
    /// Bytes after the last member that are neither a member nor zero padding.
    private(set) var garbageBytes: UInt64 = 0

    init() throws(CompressionError) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 15 is the largest window; 16 says gzip.
        guard starling_inflate_init(stream, 15 + 16) == Z_OK else {
            stream.deallocate()
            throw .outOfMemory
        }
        firstMagicByte = .allocate(byteCount: 1, alignment: 1)
        firstMagicByte[0] = 0x1f
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        firstMagicByte.deallocate()
    }

    /// Whether the input may end here: after a whole member (an empty stream is no gzip).
    var isAtBoundary: Bool {
        switch state {
        case .boundary, .ended, .halfMagic: true
        case .member: false
        }
    }

    mutating func decompress(
        input: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> (consumed: Int, produced: Int) {
        var (consumed, produced) = (0, 0)
        while true {
            // Only inside a member can there be output without input: zlib may hold some back when the room was too small.
            guard consumed < input.count || state == .member else { return (consumed, produced) }
            switch state {
            case .ended:
                countGarbage(input[consumed...])
                return (input.count, produced)
            case .boundary:
                state = input[consumed] == 0x1f ? .halfMagic : .ended
                if state == .halfMagic { consumed += 1 }
            case .halfMagic:
                if input[consumed] == 0x8b {
                    try beginMember()
                } else {
                    garbageBytes += 1
                    state = .ended
                }
            case .member:
                let step = try inflateStep(
                    UnsafeRawBufferPointer(rebasing: input[consumed...]), UnsafeMutableRawBufferPointer(rebasing: output[produced...]))
                consumed += step.consumed
                produced += step.produced
                if step.consumed == 0, step.produced == 0, state == .member { return (consumed, produced) }
            }
        }
    }

    private mutating func beginMember() throws(CompressionError) {
        inflateReset(stream)
        state = .member
        // The first magic byte was taken from the input to look at it; zlib gets it from here.
        _ = try inflateStep(UnsafeRawBufferPointer(firstMagicByte), UnsafeMutableRawBufferPointer(start: nil, count: 0))
    }

    private mutating func inflateStep(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> (consumed: Int, produced: Int) {
        // zlib counts in 32 bits, and refuses a null output pointer even for nothing.
        let available = (input: min(input.count, 1 << 30), output: min(output.count, 1 << 30))
        let result = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { nothing in
            // zlib does not write through next_in; its type is only not const.
            stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.pointee.avail_in = UInt32(available.input)
            stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? nothing.baseAddress
            stream.pointee.avail_out = UInt32(available.output)
            return inflate(stream, Z_NO_FLUSH)
        }
        let consumed = available.input - Int(stream.pointee.avail_in)
        let produced = available.output - Int(stream.pointee.avail_out)
        switch result {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: state = .boundary
        case Z_MEM_ERROR: throw .outOfMemory
        default: throw .corrupt(.gzip, reason: stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(result)")
        }
        return (consumed, produced)
    }

    private mutating func countGarbage(_ bytes: Slice<UnsafeRawBufferPointer>) {
        if garbageBytes == 0, bytes.allSatisfy({ $0 == 0 }) { return }
        garbageBytes += UInt64(bytes.count)
    }
}
