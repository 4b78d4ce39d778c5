internal import Glibc
internal import HostSystem

/// The directories below `ROOT/snapshots`:
///
///     <id>        a lazy layer: empty
///     <id>/fs     the snapshot's files: upper directory while active, lower directory once committed
///     <id>/work   overlayfs' work directory, active snapshots only
///     <id>/mapped/<n>  the n-th lower directory with other owners, mounted: snapshots for user namespaces only
///     new-<n>     a snapshot being created; renamed to <id> inside the transaction that adds its row
///     metadata.db-reserve  space for the database on a full disk
///     rm-<id>-<n> a snapshot that was removed, until its tree is gone
///
/// So a row always has its directory, and a directory without a row is rubbish.
struct SnapshotDirectories: Sendable {
    /// `ROOT/snapshots`.
    let base: String

    /// Who owns a snapshot's root directory, and what others may do with it.
    struct RootAttributes: Equatable {
        var owner: uid_t
        var group: gid_t
        var mode: mode_t
    }

    /// Opens or creates the base directory. Only root may look in: layers hold other images' secrets and setuid programs.
    init(root: String) throws(HostError) {
        base = root + "/snapshots"
        try Files.makeDirectories(root, mode: 0o700)
        try Files.makeDirectories(base, mode: 0o700)
    }

    func path(_ id: Int64) -> String { "\(base)/\(id)" }
    func files(_ id: Int64) -> String { "\(base)/\(id)/fs" }
    func work(_ id: Int64) -> String { "\(base)/\(id)/work" }

    /// Makes a directory that can become a snapshot's.
    ///
    /// - Parameter attributes: of the parent's root, which the new root takes over: the upper directory's are what a container sees.
    func createTemporary(kind: SnapshotKind, attributes: RootAttributes?) throws(HostError) -> String {
        var template = Array("\(base)/new-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw .last("mkdtemp", base) }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        do throws(HostError) {
            try make(path + "/fs", mode: 0o755)
            if kind == .active { try make(path + "/work", mode: 0o711) }
            if let attributes {
                guard lchown(path + "/fs", attributes.owner, attributes.group) == 0 else { throw HostError.last("chown", path + "/fs") }
                guard chmod(path + "/fs", attributes.mode) == 0 else { throw HostError.last("chmod", path + "/fs") }
            }
        } catch {
            discard(path)
            throw error
        }
        return path
    }

    /// Makes the directory of a lazy layer, within the transaction that adds the row.
    func createEmpty(_ id: Int64) throws(HostError) {
        if mkdir(path(id), 0o700) == 0 { return }
        guard errno == EEXIST else { throw .last("mkdir", path(id)) }
        // As in `adopt`.
        try remove(path(id))
        guard mkdir(path(id), 0o700) == 0 else { throw .last("mkdir", path(id)) }
    }

    /// mkdir(2) without the umask's influence.
    private func make(_ path: String, mode: mode_t) throws(HostError) {
        guard mkdir(path, mode) == 0, chmod(path, mode) == 0 else { throw .last("mkdir", path) }
    }

    /// Attributes of a directory that is a snapshot's root.
    func attributes(of directory: String) throws(HostError) -> RootAttributes {
        var status = stat()
        guard stat(directory, &status) == 0 else { throw .last("stat", directory) }
        return RootAttributes(owner: status.st_uid, group: status.st_gid, mode: status.st_mode & 0o7777)
    }

    /// Gives a temporary directory its final name, within the transaction that adds the row.
    func adopt(_ temporary: String, as id: Int64) throws(HostError) {
        if rename(temporary, path(id)) == 0 { return }
        guard errno == ENOTEMPTY || errno == EEXIST else { throw .last("rename", temporary) }
        // A transaction that came this far and then failed: its id is given out again, its directory is rubbish.
        try remove(path(id))
        guard rename(temporary, path(id)) == 0 else { throw .last("rename", temporary) }
    }

    /// Removes a directory that never became a snapshot; what fails here is found at the next start.
    func discard(_ path: String) {
        try? remove(path)  // deliberate: see above
    }

    /// Moves a snapshot's directory out of the way; nil when it is not there.
    func setAside(_ id: Int64) throws(HostError) -> String? {
        let target = "\(base)/rm-\(id)-\(SnapshotTime.now().nanoseconds)"
        if rename(path(id), target) == 0 { return target }
        if errno == ENOENT { return nil }
        throw .last("rename", path(id))
    }

    /// Everything below the base directory, by what the names say.
    func scan() throws(HostError) -> Contents {
        var contents = Contents()
        for text in try Files.entries(base) {
            if let id = Int64(text) {
                contents.snapshots.insert(id)
            } else if text.hasPrefix("new-") {
                contents.temporaries.append("\(base)/\(text)")
            } else if text.hasPrefix("rm-") {
                contents.removed.append("\(base)/\(text)")
            }
        }
        return contents
    }

    struct Contents {
        var snapshots: Set<Int64> = []
        var temporaries: [String] = []
        var removed: [String] = []
    }
}
