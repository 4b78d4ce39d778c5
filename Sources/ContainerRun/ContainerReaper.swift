internal import Glibc
internal import HostSystem

/// Ends the containers whose process was killed before it could do that itself, and records it.
struct ContainerReaper {
    let root: String

    /// What a container is said to have ended with when nobody was there to see it: it was killed, by us.
    static let lostStatus = 128 + SIGKILL

    func reap() throws {
        let parent = ContainerDirectory.parent(root: root)
        var failure: (any Error)?
        try LockedDirectory.reap(in: parent, where: { isUnfinished(parent + "/" + $0) }) { id throws(HostError) in
            do { try reap(id, parent + "/" + id) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
        // What belongs to a process for a while; images that are mounted have a reaper of their own.
        let others = root + "/run"
        try LockedDirectory.reap(in: others, where: { !$0.hasPrefix(ImageMount.prefix) }) { name throws(HostError) in
            try Mounts.unmountAll(below: others + "/" + name)
            try Files.remove(others + "/" + name)
        }
    }

    private func isUnfinished(_ path: String) -> Bool {
        // One whose state cannot be read stays as it is; `rm` removes it.
        guard let state = try? ContainerDirectory.state(path) else { return !Files.exists(path + "/state.json") }
        // One that was to be removed at its end, and whose process was killed just then.
        return !state.hasEnded || (try? ContainerDirectory.record(path))?.removesAtEnd == true
    }

    /// Its lock is held by the caller.
    private func reap(_ id: String, _ path: String) throws {
        guard let record = try ContainerDirectory.record(path), var state = try ContainerDirectory.state(path) else {
            // Killed before anything was started.
            try BridgeNetwork(directory: path, id: id).disconnect()
            try Mounts.unmountAll(below: path)
            return try Files.remove(path)
        }
        try ContainerDirectory.settle(path, id: id, try ContainerRuntime(of: record))
        if record.removesAtEnd {
            if let name = record.name { try ContainerNames(root: root).release(name, of: id) }
            return try Files.remove(path)
        }
        (state.hasEnded, state.exitStatus, state.finished, state.wasLost) = (true, ContainerReaper.lostStatus, .now, true)
        try ContainerDirectory.write(state, path)
    }
}
