internal import Glibc
internal import HostSystem

/// What processes that share mounts say to each other, a packet each; see `MountSharing`.
///
///     join ▶            ◀ the ledger of what FUSE serves, with its descriptor; or `whole`, when nothing has to be served
///                       ◀ mount, with a copy, for each lower directory of overlayfs, topmost first
///                       ◀ done
///     wait ▶            ◀ done
///
/// The connection stays open for as long as both live, and nothing more is said. The ledger's first line has a version; whoever does not know it, or hears
/// anything else, mounts for itself.
enum ShareMessage {
    static let join = Array("join".utf8)
    static let wait = Array("wait".utf8)
    static let whole = Array("whole".utf8)
    static let mount = Array("mount".utf8)
    static let done = Array("done".utf8)

    /// Bytes of the longest packet: a ledger of the 500 layers that overlayfs can have, and less than a socket takes.
    static let limit = 160 << 10

    /// Seconds after which one that does not answer counts as broken.
    static let patience = 5

    /// Connects and asks.
    static func connect(to path: String, saying word: [UInt8]) throws(HostError) -> OwnedDescriptor {
        let connection = OwnedDescriptor(try UnixSocket.connect(to: path, .packets))
        UnixSocket.limitWaits(of: connection.raw, seconds: patience)
        try Packets.send(word, to: connection.raw)
        return connection
    }

    /// The next packet, and a descriptor that the caller closes.
    static func packet(from connection: Int32, _ path: String) throws(HostError) -> (bytes: [UInt8], descriptor: Int32?) {
        guard let packet = try Packets.receive(from: connection, limit: limit) else {
            throw .call(operation: "hear from", path: path, code: ECONNRESET)
        }
        return packet
    }

    static func unknown(_ path: String) -> HostError { .call(operation: "understand", path: path, code: EPROTO) }
}
