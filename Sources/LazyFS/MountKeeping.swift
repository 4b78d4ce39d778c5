internal import CLinux
internal import Glibc
internal import HostSystem
public import Logging
internal import Synchronization
internal import Threads

/// What lets a mount outlive its process: the keeper, which has a copy of its descriptor, and the ledger, which has the rest.
///
/// Both are in the daemon's directory, `keeper.sock` and `lazy.mount`; whoever uses them holds the directory's lock. Where they cannot be had
/// the mount works all the same and ends with the process. A keeper that dies is replaced while the daemon lives.
public final class MountKeeping: Sendable {
    private let socketPath: String
    private let ledgerPath: String
    private let program: KeeperProgram
    private let log: Logger
    private let state = Mutex(State())

    private struct State {
        var connection: KeeperConnection?
        var held: Held?
    }

    /// A mount that is kept.
    private final class Held: Sendable {
        let name: String
        let ledger: SlotLedger
        /// A copy of our own, to hand to the next keeper. It ends with us.
        let descriptor: Int32
        let watch: KeeperWatch

        init(name: String, ledger: SlotLedger, descriptor: Int32, watch: KeeperWatch) {
            self.name = name
            self.ledger = ledger
            self.descriptor = descriptor
            self.watch = watch
        }

        deinit { close(descriptor) }
    }

    /// A mount that an earlier process has left.
    struct Inherited: ~Copyable, Sendable {
        let device: FuseDevice
        let contents: SlotLedger.Contents
    }

    /// Keeps a mount by means of a directory; nothing happens yet.
    public init(directory: String, program: KeeperProgram, log: Logger) {
        socketPath = directory + "/keeper.sock"
        ledgerPath = directory + "/lazy.mount"
        self.program = program
        self.log = log
    }

    /// The mount that an earlier process has left at `mountpoint`, if it can be served on. Else nothing of it is left with the keeper, and
    /// the log says why.
    func inherit(at mountpoint: String) -> Inherited? {
        do {
            let connection = try KeeperConnection(path: socketPath, program: program)
            state.withLock { $0.connection = connection }
            do {
                if let inherited = try inherit(at: mountpoint, from: connection) { return inherited }
            } catch {
                log.error(
                    "the mount of the last daemon is lost; containers that use it have to be started again",
                    metadata: ["reason": "\(error)"])
            }
            try connection.clear()
        } catch {
            log.warning("lazy layers will not survive this daemon", metadata: ["reason": "\(error)"])
            state.withLock { $0.connection = nil }
        }
        return nil
    }

    private func inherit(at mountpoint: String, from connection: KeeperConnection) throws -> Inherited? {
        guard let contents = try SlotLedger.read(ledgerPath), let point = try Mounts.mountPoint(at: mountpoint),
            point.device == contents.mount.device
        else { return nil }
        guard let descriptor = try connection.give(contents.mount.name) else {
            throw LazyFSError.takeOver(mountpoint: mountpoint, reason: "its keeper has ended, too")
        }
        let device = FuseDevice(OwnedDescriptor(descriptor), greeting: contents.mount.greeting)
        guard device.isAlive else { throw LazyFSError.takeOver(mountpoint: mountpoint, reason: "the kernel has ended it") }
        guard device.canResend else {
            throw LazyFSError.takeOver(mountpoint: mountpoint, reason: "the kernel cannot send requests again (Linux 6.9 can)")
        }
        return Inherited(device: device, contents: contents)
    }

    /// Sees to it that a mount outlives this process from now on; a failure is logged.
    ///
    /// - Parameters:
    ///   - name: the mount's name at the keeper; nil for a mount that is new.
    ///   - slots: what its slots show now.
    func hold(_ device: borrowing FuseDevice, at mountpoint: String, name: String?, slots: [Int: SlotContents], last: Int) {
        guard let connection = state.withLock(\.connection) else { return }
        let isNew = name == nil
        let name = name ?? "lazy-" + RandomName.make()
        do {
            guard let point = try Mounts.mountPoint(at: mountpoint) else {
                throw LazyFSError.takeOver(mountpoint: mountpoint, reason: "it is not mounted")
            }
            let mount = SlotLedger.Mount(name: name, device: point.device, greeting: device.greeting)
            let ledger = try ledger(of: SlotLedger.Contents(mount: mount, slots: slots, last: last), isNew: isNew)
            try connection.keep(device.descriptor, as: name)
            let copy = fcntl(device.descriptor, F_DUPFD_CLOEXEC, 0)
            guard copy >= 0 else { throw HostError.last("copy the descriptor of", mountpoint) }
            let watch = try KeeperWatch(connection) { [weak self] in self?.replaceKeeper() }
            state.withLock { $0.held = Held(name: name, ledger: ledger, descriptor: copy, watch: watch) }
        } catch {
            log.warning("lazy layers will not survive this daemon", metadata: ["reason": "\(error)"])
        }
    }

    private func ledger(of contents: SlotLedger.Contents, isNew: Bool) throws(LazyFSError) -> SlotLedger {
        do {
            return try SlotLedger(path: ledgerPath, contents)
        } catch {
            // On a full disk the last daemon's, which says the same at greater length, does as well.
            if isNew { throw error }
            return try SlotLedger(goingOnWith: ledgerPath)
        }
    }

    /// Whether the mount outlives this process.
    var isHeld: Bool { state.withLock { $0.held != nil } }

    /// Notes what a slot shows, before it is served.
    func note(_ slot: Int, _ contents: SlotContents) throws(LazyFSError) { try state.withLock(\.held)?.ledger.add(slot, contents) }

    /// Notes that a slot shows nothing any more.
    func erase(_ slot: Int) {
        do {
            try state.withLock(\.held)?.ledger.remove(slot)
        } catch {
            // The next daemon will serve a slot that nobody wants until it has looked.
            log.warning("cannot note that a slot is free", metadata: ["reason": "\(error)"])
        }
    }

    /// Ends what an earlier process has left at `mountpoint` and nobody serves; the mount point itself stays to be unmounted.
    public func abandon(at mountpoint: String) {
        _ = inherit(at: mountpoint)
        end()
    }

    /// Leaves the mount to the next process.
    func leave() { _ = takeState() }

    /// The mount is of no use: the keeper forgets it, and the kernel ends it with that.
    func drop() {
        let (connection, _) = takeState()
        do {
            try connection?.clear()
            state.withLock { $0.connection = connection }
        } catch {
            log.warning("lazy layers will not survive this daemon", metadata: ["reason": "\(error)"])
        }
    }

    /// The mount is no more: neither is its keeper, nor what it has on the disk.
    func end() {
        let (connection, _) = takeState()
        do {
            try connection?.quit()
        } catch {
            log.warning("the keeper was not told that its mount has ended", metadata: ["reason": "\(error)"])
        }
        unlink(socketPath)
        unlink(ledgerPath)
    }

    private func takeState() -> (KeeperConnection?, Held?) {
        // The thread may just be starting another keeper; afterwards nobody changes the state but us.
        state.withLock(\.held)?.watch.stop()
        return state.withLock { state in
            defer { state = State() }
            return (state.connection, state.held)
        }
    }

    private func replaceKeeper() -> KeeperConnection? {
        do {
            let connection = try KeeperConnection(path: socketPath, program: program)
            guard let held = state.withLock(\.held) else { return nil }
            try connection.keep(held.descriptor, as: held.name)
            state.withLock { $0.connection = connection }
            log.notice("the keeper of the mount had ended; there is a new one")
            return connection
        } catch {
            log.error("the keeper of the mount has ended; lazy layers will not survive this daemon", metadata: ["reason": "\(error)"])
            return nil
        }
    }
}
