internal import Glibc
internal import HostSystem
internal import Synchronization
internal import Threads

/// Gives other processes copies of this one's mounts, for as long as it lives; see `MountSharing`.
final class MountOffer: Sendable {
    /// What is offered.
    struct Mounts: Sendable {
        /// Lower directories of overlayfs in this process's mount namespace, topmost first.
        let directories: [String]
        /// The FUSE mount below them; nil when nothing has to be served.
        let served: LazyMount?
    }

    private let path: String
    private let stop: Int32
    private let thread: Mutex<NativeThread?>
    private let followers = Followers()

    /// Processes that can have copies of one mount; the next ones mount for themselves.
    private static let mostFollowers = 4096

    /// Connections of those who have copies.
    private final class Followers: Sendable {
        let connections = Mutex<[Int32]>([])

        deinit { connections.withLock { $0.forEach { close($0) } } }
    }

    /// Listens at `path`. Whoever calls has the turn.
    init(_ mounts: Mounts, at path: String) throws {
        self.path = path
        let listener = try UnixSocket.listen(at: path, .packets)
        do {
            let (reader, writer) = try Pipe.make("(offer)")
            stop = writer
            do {
                thread = Mutex(
                    try NativeThread.start(name: "offer") { [followers] in
                        Self.serve(mounts, followers, listener, until: reader)
                        for descriptor in [listener, reader] { close(descriptor) }
                    })
            } catch {
                for descriptor in [reader, writer] { close(descriptor) }
                throw error
            }
        } catch {
            close(listener)
            unlink(path)
            throw error
        }
    }

    deinit { _ = end() }

    /// Offers nothing any more. Whoever calls has the turn.
    ///
    /// - Returns: whether somebody has copies; they go on with the mounts when this object is no more.
    func end() -> Bool {
        if let thread = thread.withLock({ $0.take() }) {
            unlink(path)
            // The other end becomes readable.
            close(stop)
            thread.join()
        }
        return followers.connections.withLock { !$0.isEmpty }
    }

    private static func serve(_ mounts: Mounts, _ followers: Followers, _ listener: Int32, until stop: Int32) {
        while true {
            let known = followers.connections.withLock { $0 }
            var polls = ([stop, listener] + known).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&polls, nfds_t(polls.count), -1) >= 0 || errno == EINTR else { return }
            if polls[0].revents != 0 { return }
            // Nothing more is said, so what comes is the end.
            let ended = polls.dropFirst(2).filter { $0.revents != 0 }.map(\.fd)
            followers.connections.withLock { $0.removeAll(where: ended.contains) }
            ended.forEach { close($0) }
            guard polls[1].revents != 0 else { continue }
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { continue }
            UnixSocket.limitWaits(of: connection, seconds: ShareMessage.patience)
            if known.count < mostFollowers, answer(mounts, connection) {
                followers.connections.withLock { $0.append(connection) }
            } else {
                close(connection)
            }
        }
    }

    /// Whether the other side has what it wanted.
    private static func answer(_ mounts: Mounts, _ connection: Int32) -> Bool {
        // A follower that goes while it is served is none; nobody else is harmed.
        do {
            guard let (request, descriptor) = try Packets.receive(from: connection, limit: ShareMessage.limit) else { return false }
            if let descriptor { close(descriptor) }
            if request == ShareMessage.join {
                try give(mounts, connection)
            } else if request != ShareMessage.wait {
                return false
            }
            try Packets.send(ShareMessage.done, to: connection)
            return true
        } catch {
            return false
        }
    }

    private static func give(_ mounts: Mounts, _ connection: Int32) throws {
        if let mount = mounts.served {
            let device = try mount.copyDevice()
            try Packets.send(Array(SlotLedger.text(mount.ledger).utf8), descriptor: device.raw, to: connection)
        } else {
            try Packets.send(ShareMessage.whole, to: connection)
        }
        for directory in mounts.directories {
            let copy = try DetachedMount(of: directory)
            try Packets.send(ShareMessage.mount, descriptor: copy.descriptor, to: connection)
        }
    }
}
