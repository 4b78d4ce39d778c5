internal import Glibc

/// A directory that belongs to a living process: the lock in it is the sign of life. When the process dies in any way, the kernel
/// lets go of the lock and whoever comes next may remove the directory.
public final class LockedDirectory: Sendable {
    /// Path of the directory.
    public let path: String
    private let lock: FileLock

    private static let lockName = "/lock"
    private static let makingPrefix = ".making-"
    /// A directory without a lock file is one that is being made or removed; after a minute nobody does that any more.
    private static let abandonedAfterSeconds = 60

    /// Makes `parent/name`, with its parents, locked from the first moment that it has this name; nobody but its owner gets at what is in it: a
    /// container may make set-user-id programs there.
    public init(_ name: String, in parent: String) throws(HostError) {
        path = parent + "/" + name
        // A directory that is not locked yet would look abandoned to a reaper, who could lock it first.
        let making = parent + "/" + LockedDirectory.makingPrefix + name
        try Files.makeDirectories(making, mode: 0o700)
        do {
            lock = try FileLock(making + LockedDirectory.lockName)
            try Files.move(making, to: path)
        } catch {
            // What stays is reaped.
            try? Files.remove(making)
            throw error
        }
    }

    /// Takes over a directory that is there and that nobody owns.
    ///
    /// - Throws: `.locked` when somebody does.
    public init(existing path: String) throws(HostError) {
        self.path = path
        lock = try FileLock(path + LockedDirectory.lockName, create: false)
    }

    /// Whether somebody owns a directory now. Asking takes the lock for a moment, when nobody does.
    public static func isOwned(_ path: String) throws(HostError) -> Bool {
        do throws(HostError) {
            _ = try FileLock(path + lockName, create: false)
            return false
        } catch {
            if case .locked = error { return true }
            guard error.code == ENOENT else { throw error }
            return false
        }
    }

    /// Process id of who owns a directory; nil when nobody does, or it cannot be told.
    public static func owner(of path: String) throws(HostError) -> Int32? {
        guard try isOwned(path) else { return nil }
        return Int32(String(decoding: try Files.read(path + lockName, limit: 64), as: UTF8.self).prefix(while: \.isNumber))
    }

    /// Leaves a word for those who watch the directory (`Watch`), and hear it also when all of it has been removed.
    public func leave(word: String) throws(HostError) { try lock.leave(word: word) }

    /// Hears what the owner of a directory says last.
    public struct Watch {
        private let lock: OpenFile

        /// - Throws: `HostError` when there is no such directory any more.
        public init(_ path: String) throws(HostError) { lock = try OpenFile(path + LockedDirectory.lockName) }

        /// What the owner has said; nil when it said nothing, or its successor says nothing yet.
        public var word: String? {
            get throws {
                var bytes = [UInt8](repeating: 0, count: 64)
                let count = try bytes.withUnsafeMutableBytes { try lock.read(into: $0, at: 0) }
                let lines = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n")
                return lines.count > 1 ? String(lines[1]) : nil
            }
        }
    }

    /// Hands each directory in `parent` that nobody owns any more to `body`, which removes it; `isCandidate` chooses by name.
    public static func reap(
        in parent: String, where isCandidate: (String) -> Bool = { _ in true }, _ body: (_ name: String) throws(HostError) -> Void
    ) throws(HostError) {
        guard Files.exists(parent) else { return }
        for name in try Files.entries(parent) {
            let isMaking = name.hasPrefix(makingPrefix)
            guard isCandidate(isMaking ? String(name.dropFirst(makingPrefix.count)) : name) else { continue }
            if isMaking {
                if isOld(parent + "/" + name) { try Files.remove(parent + "/" + name) }
                continue
            }
            guard let claim = try Claim(parent + "/" + name) else { continue }
            try body(name)
            claim.keep()
        }
    }

    /// The right to remove a directory.
    private enum Claim {
        case lock(FileLock)
        case abandoned

        /// Nil while somebody lives in it.
        init?(_ path: String) throws(HostError) {
            do throws(HostError) {
                self = .lock(try FileLock(path + LockedDirectory.lockName, create: false))
            } catch {
                if case .locked = error { return nil }
                guard error.code == ENOENT else { throw error }
                guard LockedDirectory.isOld(path) else { return nil }
                self = .abandoned
            }
        }

        /// Holds the lock up to here.
        func keep() {}
    }

    private static func isOld(_ path: String) -> Bool {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return false }
        return time(nil) - facts.st_mtim.tv_sec > abandonedAfterSeconds
    }
}
