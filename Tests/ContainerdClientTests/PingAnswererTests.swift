import NIOCore
import NIOEmbedded
import Testing

@testable import ContainerdClient

@Suite struct PingAnswererTests {
    private func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt8 = 0, _ payload: [UInt8]) -> [UInt8] {
        let size = payload.count
        return [UInt8(size >> 16 & 0xff), UInt8(size >> 8 & 0xff), UInt8(size & 0xff), type, flags, 0, 0, 0, stream] + payload
    }

    @Test(
        "pings are answered and all else passes in order, however the bytes are cut", arguments: [1, 2, 8, 9, 10, 17, 300, 5000],
        [ConnectionSide.client, .server])
    func pings(piece: Int, side: ConnectionSide) throws {
        let preface = side == .server ? Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) : []
        let data = frame(0, stream: 1, (0..<300).map { UInt8(truncatingIfNeeded: $0) })
        // Within the data, what looks like a ping is none.
        let tricky = frame(0, stream: 3, frame(6, [UInt8](repeating: 7, count: 8)))
        let others = [frame(4, []), frame(6, flags: 1, [UInt8](repeating: 9, count: 8)), data, tricky, frame(6, [1, 2, 3])]
        let pings = (1...3).map { frame(6, [UInt8](repeating: $0, count: 8)) }
        let sent = preface + pings[0] + others[0] + others[1] + pings[1] + others[2] + others[3] + pings[2] + others[4]

        let channel = EmbeddedChannel(handler: PingAnswerer(side))
        for start in stride(from: 0, to: sent.count, by: piece) {
            try channel.writeInbound(ByteBuffer(bytes: sent[start..<min(sent.count, start + piece)]))
        }
        var (passed, answers) = (ByteBuffer(), ByteBuffer())
        while var bytes = try channel.readInbound(as: ByteBuffer.self) { passed.writeBuffer(&bytes) }
        while var bytes = try channel.readOutbound(as: ByteBuffer.self) { answers.writeBuffer(&bytes) }
        #expect(Array(passed.readableBytesView) == preface + others.flatMap { $0 })
        #expect(Array(answers.readableBytesView) == (1...3).flatMap { frame(6, flags: 1, [UInt8](repeating: $0, count: 8)) })
        _ = try channel.finish()
    }
}
