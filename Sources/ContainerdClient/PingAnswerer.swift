public import NIOCore

/// What we are to containerd on an HTTP/2 connection.
public enum ConnectionSide: Sendable {
    case client
    case server

    /// Lets a new connection's PINGs be answered before gRPC's handlers, which are there already, see them.
    @Sendable public func answerPings(on channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.submit { try channel.pipeline.syncOperations.addHandler(PingAnswerer(self), position: .first) }
    }
}

/// Answers the other side's HTTP/2 PINGs before the HTTP/2 implementation sees them.
///
/// Go's gRPC measures the connection with a PING per round trip as long as it receives data: a server some 200 for 100 MB, a client one for
/// most calls. Swift NIO takes 200 control frames within 30 s for an attack and closes the connection, and gRPC has no setting for that. So
/// without this, storing a large layer fails, and a call that is under way to us is made twice. One channel's event loop uses it.
final class PingAnswerer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    // RFC 9113, 4.1 and 6.7: a frame is 24 bits of length, type, flags, 32 bits of stream; a PING has 8 bytes and is of stream 0.
    private static let headerSize = 9
    private static let pingSize: UInt32 = 8
    private static let pingType: UInt8 = 6
    private static let acknowledged: UInt8 = 1
    // RFC 9113, 3.4: what a client sends before its first frame.
    private static let prefaceSize = 24

    private let side: ConnectionSide

    /// The begin of a frame whose header, or whose PING, is not all there.
    private var held = ByteBuffer()
    /// Bytes of the current frame that are still to come, and to be passed on.
    private var passing: Int
    /// Answers to the pings of this read.
    private var answers = ByteBuffer()

    init(_ side: ConnectionSide) {
        self.side = side
        passing = side == .server ? PingAnswerer.prefaceSize : 0
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var input = unwrapInboundIn(data)
        if held.readableBytes > 0 {
            held.writeBuffer(&input)
            input = held
            held = ByteBuffer()
        }
        /// Bytes at the front of `input` that are passed on together.
        var run = 0
        func flush() {
            if run > 0, let bytes = input.readSlice(length: run) { context.fireChannelRead(wrapInboundOut(bytes)) }
            run = 0
        }
        while run < input.readableBytes {
            if passing > 0 {
                let count = min(passing, input.readableBytes - run)
                run += count
                passing -= count
                continue
            }
            guard let frame = PingAnswerer.frame(input, at: run) else { break }
            // Answers to a client that does not read them would pile up: those go the implementation's way, with its bounds. A server
            // sends one for what we send it, and a long upload is not writable most of the time.
            guard frame.isPing, side == .client || context.channel.isWritable else {
                passing = PingAnswerer.headerSize + frame.size
                continue
            }
            guard input.readableBytes - run >= PingAnswerer.headerSize + frame.size else { break }
            flush()
            guard var ping = input.readSlice(length: PingAnswerer.headerSize + frame.size) else { break }
            ping.setInteger(PingAnswerer.acknowledged, at: ping.readerIndex + 4)
            answers.writeBuffer(&ping)
        }
        flush()
        held = input
    }

    /// Sends the answers. Not earlier: in the middle of a read the HTTP/2 handler has frames that it has not marked as flushed, and a flush
    /// that makes the channel writable again would find them where it expects none.
    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        guard answers.readableBytes > 0 else { return }
        let bytes = answers
        answers = ByteBuffer()
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    private static func frame(_ bytes: ByteBuffer, at offset: Int) -> (size: Int, isPing: Bool)? {
        guard bytes.readableBytes - offset >= headerSize else { return nil }
        let start = bytes.readerIndex + offset
        guard let word = bytes.getInteger(at: start, as: UInt32.self), let flags = bytes.getInteger(at: start + 4, as: UInt8.self) else {
            return nil
        }
        let (size, type) = (word >> 8, UInt8(truncatingIfNeeded: word))
        return (Int(size), type == pingType && flags & acknowledged == 0 && size == pingSize)
    }
}
