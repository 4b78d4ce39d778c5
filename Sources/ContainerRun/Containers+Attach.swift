internal import Glibc
public import HostSystem
internal import Synchronization
internal import Threads

extension Containers {
    /// What ended an attachment.
    public enum Detachment: Equatable, Sendable {
        /// The container ended, with that status.
        case ended(Int32)
        /// Ctrl-P Ctrl-Q was typed; the container goes on.
        case left
    }

    /// Shows what a container in the background writes from now on, and gives it what is typed, until it ends or Ctrl-P Ctrl-Q is typed.
    ///
    /// - Parameter signals: each is sent on to the container, but for changes of our terminal's size, which change the container's.
    /// - Throws: `ContainerError.notRunning` or `.noLog`, or `HostError`.
    public func attach(_ container: ContainerSummary, readsInput: Bool, signals: SignalForwarder) throws -> Detachment {
        guard container.isRunning else { throw ContainerError.notRunning(container.displayName) }
        guard container.record.keepsLog else { throw ContainerError.noLog(container.displayName) }
        let socket = try UnixSocket.connect(to: ContainerDirectory.socket(path(container.record.id)), .packets)
        defer { close(socket) }
        let raw = container.record.terminal && readsInput ? RawTerminal(0) : nil
        defer { withExtendedLifetime(raw) {} }
        if container.record.terminal { Containers.sendSize(to: socket) }
        let isTerminal = container.record.terminal
        signals.deliver { [self] signal in
            // What cannot be sent on has nobody to hear it.
            if signal == SIGWINCH, isTerminal { Containers.sendSize(to: socket) } else { try? self.signal(container, signal) }
        }
        defer { signals.deliver { _ in } }
        var keys = readsInput && container.record.readsInput ? DetachKeys() : nil
        if try pass(socket, &keys) == .left { return .left }
        _ = try waitForEnd(container, .seconds(10))
        return .ended(try state(of: container)?.exitStatus ?? 0)
    }

    private static func sendSize(to socket: Int32) {
        guard let size = PseudoTerminal.size(of: 1) else { return }
        // A container that has just ended needs no size.
        try? Packets.send(AttachMessage.size(rows: size.rows, columns: size.columns).packet, to: socket)
    }

    /// Passes packets until the other side has gone (nil) or the keys to leave were typed.
    private func pass(_ socket: Int32, _ keys: inout DetachKeys?) throws -> Detachment? {
        while true {
            var polls = [
                pollfd(fd: socket, events: Int16(POLLIN), revents: 0), pollfd(fd: keys == nil ? -1 : 0, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&polls, 2, -1) >= 0 || errno == EINTR else { throw HostError.last("wait for", "(the container)") }
            if polls[0].revents != 0 {
                guard let packet = try Packets.receive(from: socket, limit: AttachMessage.limit) else { return nil }
                if case .output(let stream, let bytes)? = AttachMessage(packet.bytes) {
                    try FileDescriptors.write(bytes, to: stream == .stdout ? 1 : 2, path: "(standard output)")
                }
            }
            guard polls[1].revents != 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(0, &buffer, buffer.count)
            guard count > 0 else {
                try Packets.send(AttachMessage.inputEnd.packet, to: socket)
                keys = nil
                continue
            }
            let typed = keys?.take(buffer[..<count]) ?? (passed: [], leaves: false)
            if !typed.passed.isEmpty { try Packets.send(AttachMessage.input(typed.passed).packet, to: socket) }
            if typed.leaves { return .left }
        }
    }
}

/// Watches what is typed for docker's keys to leave a container alone: Ctrl-P, then Ctrl-Q.
struct DetachKeys {
    private var isHalfTyped = false
    private static let (first, second): (UInt8, UInt8) = (0x10, 0x11)

    /// What is for the container; a Ctrl-P waits for the next key.
    mutating func take(_ bytes: ArraySlice<UInt8>) -> (passed: [UInt8], leaves: Bool) {
        var passed: [UInt8] = []
        for byte in bytes {
            if isHalfTyped, byte == DetachKeys.second { return (passed, true) }
            if isHalfTyped { passed.append(DetachKeys.first) }
            isHalfTyped = byte == DetachKeys.first
            if !isHalfTyped { passed.append(byte) }
        }
        return (passed, false)
    }
}
