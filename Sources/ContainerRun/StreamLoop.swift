internal import Glibc
internal import HostSystem
internal import StartTrace

/// The thread of `ContainerStreams`: one poll(2) over all that it reads.
///
// Safety: made by one thread, then used by the thread that runs `run` alone; `end` only writes to a pipe.
final class StreamLoop: @unchecked Sendable {
    private var sources: [(descriptor: Int32, stream: ContainerOutput)]
    private var sink: Int32?
    private let isTerminal: Bool
    private let listener: Int32
    private var clients: [Int32] = []
    private let wake: (reader: Int32, writer: Int32)
    private let log: ContainerLog
    private let onResize: @Sendable (ConsoleSize) -> Void
    /// Told of the first output; nil then, and when nobody wants to know.
    private var trace: TraceRecorder?
    /// What the container has not taken yet; until it has, no client is read.
    private var typed: [UInt8] = []
    private var isInputOver = false
    private var isEnding = false

    /// Bytes that one turn reads from a stream; a packet with them is below `AttachMessage.limit`.
    private static let readSize = 16 << 10
    /// Those who may be attached at once.
    private static let mostClients = 16
    /// Seconds that the container waits for an attached terminal to take its output; then that one has lost it.
    private static let clientPatience = 5

    init(
        _ ends: StreamEnds, listener: Int32, log: ContainerLog, trace: TraceRecorder?, onResize: @escaping @Sendable (ConsoleSize) -> Void
    )
        throws(HostError)
    {
        wake = try Pipe.make()
        (sources, sink, isTerminal) = (ends.sources, ends.sink, ends.isTerminal)
        self.listener = listener
        self.log = log
        self.onResize = onResize
        self.trace = trace
        if let sink = ends.sink { _ = fcntl(sink, F_SETFL, fcntl(sink, F_GETFL) | O_NONBLOCK) }
    }

    /// Has the thread read what is there, and end.
    func end() {
        var byte: UInt8 = 0
        // A pipe that is full has been written to.
        _ = write(wake.writer, &byte, 1)
    }

    func run() {
        while !sources.isEmpty || !isEnding {
            var polls = [pollfd(fd: isEnding ? -1 : wake.reader, events: Int16(POLLIN), revents: 0)]
            polls.append(pollfd(fd: clients.count < StreamLoop.mostClients ? listener : -1, events: Int16(POLLIN), revents: 0))
            polls.append(pollfd(fd: typed.isEmpty ? -1 : sink ?? -1, events: Int16(POLLOUT), revents: 0))
            let first = polls.count
            polls += sources.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            polls += clients.map { pollfd(fd: $0, events: typed.isEmpty ? Int16(POLLIN) : 0, revents: 0) }
            let count = poll(&polls, nfds_t(polls.count), isEnding ? 0 : -1)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            if polls[0].revents != 0 { isEnding = true }
            if polls[1].revents != 0 { accept() }
            if polls[2].revents != 0 { writeTyped() }
            let ready = polls[first...].filter { $0.revents != 0 }.map(\.fd)
            for source in sources where ready.contains(source.descriptor) { readOutput(source.descriptor, source.stream) }
            for client in clients where ready.contains(client) { readClient(client) }
        }
        closeAll()
    }

    private func readOutput(_ descriptor: Int32, _ stream: ContainerOutput) {
        var buffer = [UInt8](repeating: 0, count: StreamLoop.readSize)
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        guard count > 0 else {
            // The end; a terminal without anybody on its other side says EIO.
            sources.removeAll { $0.descriptor == descriptor }
            if descriptor != sink { close(descriptor) }
            return
        }
        trace.take()?.mark(.firstOutput)
        // A full disk takes lines from the log, and nothing from the container.
        try? log.take(buffer[..<count], from: stream)
        let packet = AttachMessage.output(stream, Array(buffer[..<count])).packet
        for client in clients {
            do { try Packets.send(packet, to: client) } catch { drop(client) }
        }
    }

    private func accept() {
        let client = Glibc.accept(listener, nil, nil)
        guard client >= 0 else { return }
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        UnixSocket.limitWaits(of: client, seconds: StreamLoop.clientPatience)
        clients.append(client)
    }

    private func readClient(_ client: Int32) {
        // One that has gone, or says what nobody understands, is no reason for anything else to end.
        guard let packet = try? Packets.receive(from: client, limit: AttachMessage.limit), let message = AttachMessage(packet.bytes) else {
            return drop(client)
        }
        if let descriptor = packet.descriptor { close(descriptor) }
        switch message {
        case .input(let bytes):
            typed += bytes
            writeTyped()
        case .inputEnd:
            isInputOver = !isTerminal
            writeTyped()
        case .size(let rows, let columns):
            guard isTerminal, let sink else { return }
            PseudoTerminal.setSize(of: sink, rows: rows, columns: columns)
            onResize(ConsoleSize(rows: rows, columns: columns))
        case .output: drop(client)
        }
    }

    private func writeTyped() {
        guard let sink else { return typed = [] }
        if !typed.isEmpty {
            let count = write(sink, typed, typed.count)
            if count > 0 { typed.removeFirst(count) } else if errno != EAGAIN, errno != EINTR { typed = [] }
        }
        if typed.isEmpty, isInputOver {
            close(sink)
            self.sink = nil
        }
    }

    private func drop(_ client: Int32) {
        close(client)
        clients.removeAll { $0 == client }
    }

    private func closeAll() {
        try? log.finish()
        let rest = clients + sources.map(\.descriptor) + [sink ?? -1, listener, wake.reader, wake.writer]
        for descriptor in Set(rest) where descriptor >= 0 { close(descriptor) }
    }
}
