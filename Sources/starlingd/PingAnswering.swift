internal import NIOCore

/// Answers HTTP/2's PING frames (RFC 9113, 6.7) before the library sees them, which closes a connection for more than 200 in half a minute.
///
/// containerd's client pings with most of its calls, to learn how much the connection carries. A connection closed for it has the call under way
/// sent, and done, twice. Who may open this socket may ping; only while the client reads no answers do its pings go the library's way, with
/// its bounds.
final class PingAnswering: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let prefaceLength = 24
    private static let headerLength = 9
    private static let ping: (type: UInt8, length: Int) = (6, 8)
    /// Where a header has them, and the one that makes an answer of a PING.
    private static let flags = 4
    private static let acknowledged: UInt8 = 1

    /// Bytes that belong to what has been passed on and have not come yet: of the preface, then of one frame after the other.
    private var rest = PingAnswering.prefaceLength
    /// The beginning of a frame of which it is not known yet what it is; shorter than a PING.
    private var begun = ByteBuffer()

    /// Puts one in front of a new connection's other handlers.
    @Sendable static func add(to channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(PingAnswering(), position: .first) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if begun.readableBytes > 0 {
            begun.writeBuffer(&bytes)
            bytes = begun
            begun = ByteBuffer()
        }
        var known = min(rest, bytes.readableBytes)
        rest -= known
        var isAnswered = false
        while rest == 0, let frame = Self.header(in: bytes, at: bytes.readerIndex + known) {
            guard frame.isPing, context.channel.isWritable else {
                let here = min(Self.headerLength + frame.length, bytes.readableBytes - known)
                rest = Self.headerLength + frame.length - here
                known += here
                continue
            }
            passOn(&bytes, known, context)
            known = 0
            // What it asks for is itself, with one flag more.
            guard var answer = bytes.readSlice(length: Self.headerLength + Self.ping.length) else { break }
            answer.setInteger(Self.acknowledged, at: answer.readerIndex + Self.flags)
            context.write(wrapOutboundOut(answer), promise: nil)
            isAnswered = true
        }
        passOn(&bytes, known, context)
        if bytes.readableBytes > 0 { begun = bytes }
        if isAnswered { context.flush() }
    }

    private func passOn(_ bytes: inout ByteBuffer, _ count: Int, _ context: ChannelHandlerContext) {
        guard count > 0, let slice = bytes.readSlice(length: count) else { return }
        context.fireChannelRead(wrapInboundOut(slice))
    }

    /// The frame that begins there; whether it is a PING that wants an answer.
    private static func header(in bytes: ByteBuffer, at index: Int) -> (length: Int, isPing: Bool)? {
        guard let high: UInt16 = bytes.getInteger(at: index), let low: UInt8 = bytes.getInteger(at: index + 2),
            let type: UInt8 = bytes.getInteger(at: index + 3), let flags: UInt8 = bytes.getInteger(at: index + Self.flags),
            let stream: UInt32 = bytes.getInteger(at: index + 5)
        else { return nil }
        let length = Int(high) << 8 | Int(low)
        return (length, type == ping.type && length == ping.length && stream == 0 && flags & acknowledged == 0)
    }
}
