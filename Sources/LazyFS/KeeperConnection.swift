internal import Glibc
internal import HostSystem
internal import Synchronization

/// The daemon's line to its keeper, which is started when there is none. Calls take turns; each ends within seconds.
final class KeeperConnection: Sendable {
    private let socket: Mutex<Int32>

    /// Seconds after which a keeper that does not answer counts as broken.
    private static let patience = 5

    /// Connects to the keeper that listens at `path`, or starts one. Whoever calls holds the lock of the directory.
    init(path: String, program: KeeperProgram) throws(LazyFSError) {
        do throws(HostError) {
            let descriptor: Int32
            do throws(HostError) {
                descriptor = try UnixSocket.connect(to: path, .packets)
            } catch {
                guard error.code == ENOENT || error.code == ECONNREFUSED else { throw error }
                try Self.start(program, listeningAt: path)
                descriptor = try UnixSocket.connect(to: path, .packets)
            }
            socket = Mutex(descriptor)
            UnixSocket.limitWaits(of: descriptor, seconds: Self.patience)
        } catch {
            throw .keeper(reason: error.description)
        }
    }

    deinit { _ = socket.withLock { close($0) } }

    /// Hands a copy of a descriptor over.
    func keep(_ descriptor: Int32, as name: String) throws(LazyFSError) { _ = try ask(.keep(name), descriptor) }

    /// A copy of the descriptor of that name, which the caller closes; nil when the keeper has none.
    func give(_ name: String) throws(LazyFSError) -> Int32? { try ask(.give(name)) }

    /// Has the keeper forget everything.
    func clear() throws(LazyFSError) { _ = try ask(.clear) }

    /// Has the keeper forget everything and end.
    func quit() throws(LazyFSError) { _ = try ask(.quit) }

    /// Waits until the keeper has gone, or until `signal` becomes readable; true when the keeper has gone.
    func waitForEnd(orReadable signal: Int32) -> Bool {
        var polls = [
            // Answers are read by who asked; the end (POLLHUP) is told without being asked for.
            pollfd(fd: socket.withLock { $0 }, events: 0, revents: 0),
            pollfd(fd: signal, events: Int16(POLLIN), revents: 0),
        ]
        while poll(&polls, 2, -1) < 0 && errno == EINTR {}
        return polls[1].revents == 0
    }

    private func ask(_ message: KeeperMessage, _ descriptor: Int32? = nil) throws(LazyFSError) -> Int32? {
        guard let (bytes, given) = try exchange(message, descriptor) else { throw .keeper(reason: "it has ended") }
        switch KeeperMessage.Answer(rawValue: String(decoding: bytes, as: UTF8.self)) {
        case .done: return given
        case .nothing: return nil
        default: throw .keeper(reason: "it does not understand \"\(String(decoding: message.bytes, as: UTF8.self))\"")
        }
    }

    private func exchange(_ message: KeeperMessage, _ descriptor: Int32?) throws(LazyFSError) -> (bytes: [UInt8], descriptor: Int32?)? {
        do throws(HostError) {
            return try socket.withLock { socket throws(HostError) in
                try Packets.send(message.bytes, descriptor: descriptor, to: socket)
                return try Packets.receive(from: socket, limit: KeeperMessage.limit)
            }
        } catch {
            throw .keeper(reason: error.description)
        }
    }

    /// The keeper gets the listening socket as its standard input: it is reachable before it runs, and no two can be.
    private static func start(_ program: KeeperProgram, listeningAt path: String) throws(HostError) {
        let listener = try UnixSocket.listen(at: path, .packets, backlog: 4)
        defer { close(listener) }
        let process = try ChildProcess(
            program.path, program.arguments, ChildProcess.Options(input: .descriptor(listener), output: .null, error: .null))
        // It goes on in the background and the process that was started ends at once.
        guard let status = try process.wait(for: .seconds(patience)) else {
            throw .deadline(program: program.path, seconds: Double(patience))
        }
        guard status == 0 else { throw .call(operation: "start the keeper with", path: program.path, code: ECHILD) }
    }
}
