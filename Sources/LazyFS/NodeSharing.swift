internal import ChunkStore
internal import FetchEngine
internal import Glibc
internal import HostSystem
internal import Logging
internal import StartTrace
internal import Synchronization

/// What a node has to do with the mounts of other processes of its root: it takes copies of theirs, goes on with them when those processes have ended, or
/// gives copies of its own. See `MountSharing`.
final class NodeSharing: Sendable {
    private let places: MountSharing
    private let mount: NodeMount
    private let chains: ChainMounts
    /// Serves a mount that another process has left; for a moment nothing answers.
    private let serve: @Sendable (_ left: consuming MountKeeping.Inherited, _ layers: [LazyNode.Opened]) throws -> LazyMount
    private let log: Logger
    private let state = Mutex(State())

    private struct State {
        var succession: MountSuccession?
        var offer: MountOffer?
    }

    /// What another process serves, until it does not.
    private final class Estate: Sendable {
        private let left: Mutex<MountKeeping.Inherited?>

        init(_ left: consuming MountKeeping.Inherited?) { self.left = Mutex(left) }

        func take() -> MountKeeping.Inherited? { left.withLock { $0.take() } }
    }

    init(
        _ places: MountSharing, mount: NodeMount, chains: ChainMounts, log: Logger,
        serve: @escaping @Sendable (consuming MountKeeping.Inherited, [LazyNode.Opened]) throws -> LazyMount
    ) {
        (self.places, self.mount, self.chains, self.log, self.serve) = (places, mount, chains, log, serve)
    }

    /// Whether another process serves what is shown here.
    var isFollowing: Bool { state.withLock { $0.succession != nil && $0.offer == nil } }

    /// Lower directories of overlayfs that show the chain, topmost first: another process's, or ours, which others may have then.
    func directories(of layers: [LazyNode.Opened]) throws -> [String] {
        let name = try chains.name(of: layers)
        do {
            return try places.withTurn {
                if let shared = join(name, layers) { return shared }
                let directories = try chains.directories(of: layers, keepsWhiteouts: false)
                offer(directories, at: places.newSocket(name))
                return directories
            }
        } catch let error as HostError {
            guard case .locked = error else { throw error }
            log.warning("not sharing mounts", metadata: ["reason": "\(error)"])
            return try chains.directories(of: layers, keepsWhiteouts: false)
        }
    }

    private func join(_ name: String, _ layers: [LazyNode.Opened]) -> [String]? {
        for path in places.sockets(name) {
            do {
                let sharing = layers.first?.layer.trace?.begin(.layers, "share mounts")
                let shared = try SharedMounts.take(from: path, at: chains.directory + "/shared")
                sharing?.end("of another container, whose trace has the reads")
                return try follow(shared, path, layers)
            } catch {
                // Its process has just ended, or is of another version.
                log.debug("no mounts to share", metadata: ["from": "\(path)", "reason": "\(error)"])
            }
        }
        return nil
    }

    private func follow(_ shared: consuming SharedMounts, _ path: String, _ layers: [LazyNode.Opened]) throws -> [String] {
        let directories = shared.directories
        try chains.adopt(directories, of: layers)
        let estate = Estate(shared.served)
        let succession = try MountSuccession(shared.connection) { [weak self] in self?.succeed(estate, directories, path, layers) }
        state.withLock { $0.succession = succession }
        return directories
    }

    private func succeed(_ estate: Estate, _ directories: [String], _ path: String, _ layers: [LazyNode.Opened]) -> Int32? {
        do {
            return try places.withTurn { () -> Int32? in
                if let next = next(path) { return next }
                if let left = estate.take() { mount.adopt(try serve(left, layers)) }
                offer(directories, at: path)
                log.debug("going on with the mounts of another process")
                return nil
            }
        } catch {
            // Without the descriptor the kernel ends the mount: reads fail, and do not wait for ever.
            guard estate.take() != nil else { return nil }
            log.error("the mounts of another process are lost; this container has to be started again", metadata: ["reason": "\(error)"])
            return nil
        }
    }

    /// The connection to who has succeeded already.
    private func next(_ path: String) -> Int32? {
        do throws(HostError) {
            let connection = try ShareMessage.connect(to: path, saying: ShareMessage.wait)
            guard try ShareMessage.packet(from: connection.raw, path).bytes == ShareMessage.done else { return nil }
            return connection.release()
        } catch {
            return nil
        }
    }

    private func offer(_ directories: [String], at path: String) {
        if let mount = mount.existing, !mount.canBeShared { return }
        do {
            places.sweep()
            let offer = try MountOffer(MountOffer.Mounts(directories: directories, served: mount.existing), at: path)
            state.withLock { $0.offer = offer }
        } catch {
            // Others have mounts of their own then.
            log.debug("not offering mounts", metadata: ["reason": "\(error)"])
        }
    }

    /// Ends what there is with others; `body` ends the node, and is told whether some go on with its mounts.
    func end(_ body: (_ hasFollowers: Bool) -> Void) {
        state.withLock { $0.succession.take() }?.end()
        guard let offer = state.withLock({ $0.offer.take() }) else { return body(false) }
        var hasFollowers = false
        do {
            hasFollowers = try places.withTurn { offer.end() }
        } catch {
            hasFollowers = offer.end()
        }
        body(hasFollowers)
        // Up to here they wait.
        withExtendedLifetime(offer) {}
    }
}
