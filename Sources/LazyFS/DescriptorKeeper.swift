internal import CLinux
internal import Glibc
public import HostSystem

/// The keeper: a process that does nothing but hold the descriptor of a daemon's FUSE mount.
///
/// A FUSE mount dies with the last copy of its descriptor. The keeper has one while the daemon is killed, stopped or replaced, so that
/// containers wait in place of failing. It reads and writes nothing of the mount, serves one daemon at a time (the latest that came), and ends
/// when it is told to, or when it has nothing to hold and nobody to serve.
///
///     daemon ──keep lazy-1f…, descriptor──▶ keeper        (killed, upgraded, restarted)        daemon ──give lazy-1f…──▶ keeper
public struct DescriptorKeeper: ~Copyable {
    private let listener: Int32
    private var daemon: Int32 = -1
    private var held: [String: Int32] = [:]
    private var hasEnded = false

    /// Milliseconds that a keeper without anything to hold waits for a daemon.
    private static let patience: Int32 = 10_000
    /// Milliseconds between looks at whether the held mount still is; only without a daemon, who would know.
    private static let interval: Int32 = 60_000

    /// Makes this process, which has one thread and a listening socket as its standard input, a keeper; returns when it is to end.
    public static func run() throws(HostError) {
        guard starling_continue_in_background() == 0 else { throw .last("start the keeper in", "(background)") }
        starling_name_thread("starling-keeper")
        var keeper = DescriptorKeeper(listener: STDIN_FILENO)
        while !keeper.hasEnded { try keeper.step() }
    }

    private init(listener: Int32) { self.listener = listener }

    private mutating func step() throws(HostError) {
        var polls = [
            pollfd(fd: listener, events: Int16(POLLIN), revents: 0), pollfd(fd: daemon, events: Int16(POLLIN), revents: 0),
        ]
        let timeout = daemon >= 0 ? -1 : held.isEmpty ? DescriptorKeeper.patience : DescriptorKeeper.interval
        let count = poll(&polls, 2, timeout)
        if count < 0, errno == EINTR { return }
        guard count >= 0 else { throw .last("wait at", "(socket)") }
        if count == 0 {
            dropDead()
            hasEnded = held.isEmpty
        }
        if polls[1].revents != 0 { serve() }
        if polls[0].revents != 0 { accept() }
    }

    private mutating func accept() {
        let connection = Glibc.accept(listener, nil, nil)
        guard connection >= 0 else { return }
        leave()
        daemon = connection
    }

    private mutating func leave() {
        if daemon >= 0 { close(daemon) }
        daemon = -1
    }

    private mutating func serve() {
        do {
            guard let (bytes, descriptor) = try Packets.receive(from: daemon, limit: KeeperMessage.limit) else { return leave() }
            let (answer, given) = handle(bytes, descriptor)
            try Packets.send(answer.bytes, descriptor: given, to: daemon)
        } catch {
            // Whoever is there talks nonsense or has just gone.
            leave()
        }
    }

    private mutating func handle(_ bytes: [UInt8], _ descriptor: Int32?) -> (KeeperMessage.Answer, Int32?) {
        switch (KeeperMessage(bytes), descriptor) {
        case (.keep(let name), let descriptor?):
            if let old = held.updateValue(descriptor, forKey: name) { close(old) }
            return (.done, nil)
        case (.give(let name), nil):
            guard let found = held[name] else { return (.nothing, nil) }
            return (.done, found)
        case (.clear, nil):
            clear()
            return (.done, nil)
        case (.quit, nil):
            clear()
            hasEnded = true
            return (.done, nil)
        case (_, let descriptor):
            if let descriptor { close(descriptor) }
            return (.unknown, nil)
        }
    }

    private mutating func clear() {
        held.values.forEach { close($0) }
        held = [:]
    }

    /// A mount that somebody has unmounted is of no use to anyone.
    private mutating func dropDead() {
        for (name, descriptor) in held where !FuseDevice.isAlive(descriptor) {
            close(descriptor)
            held[name] = nil
        }
    }
}
