internal import CLinux
internal import Glibc

extension RootedDirectory {
    /// Owner, permissions, time and extended attributes of something that was written.
    public struct Attributes: Sendable {
        /// Owner.
        public var uid: UInt32
        /// Group.
        public var gid: UInt32
        /// Permission, set-id and sticky bits; nil leaves them (symbolic links have none).
        public var permissions: UInt32?
        /// Time of last modification: seconds since 1970 and nanoseconds below 10^9.
        public var modified: (seconds: Int64, nanoseconds: UInt32)
        /// Extended attributes by full name.
        public var xattrs: [String: [UInt8]]

        /// All of them.
        public init(
            uid: UInt32, gid: UInt32, permissions: UInt32?, modified: (seconds: Int64, nanoseconds: UInt32), xattrs: [String: [UInt8]]
        ) {
            self.uid = uid
            self.gid = gid
            self.permissions = permissions
            self.modified = modified
            self.xattrs = xattrs
        }
    }

    /// What can be made with one call.
    public enum Special: Sendable {
        /// A symbolic link with its target, as written.
        case symbolicLink(target: [UInt8])
        /// A named pipe.
        case fifo
        /// A character device.
        case character(major: UInt32, minor: UInt32)
        /// A block device.
        case block(major: UInt32, minor: UInt32)
    }

    /// What tells a directory from all others, by whatever path it is found.
    public struct Identity: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64
    }

    /// The directory that a path leads to, links on the way followed inside; nil when there is none, or a link in its place.
    public func identity(ofDirectory path: [UInt8]) throws(HostError) -> Identity? {
        let directory = openInside(path, STARLING_O_PATH | O_DIRECTORY | O_NOFOLLOW)
        guard directory >= 0 else {
            if [ENOENT, ENOTDIR, ELOOP].contains(errno) { return nil }
            throw .last("open directory", place(path))
        }
        defer { close(directory) }
        var facts = stat()
        guard fstat(directory, &facts) == 0 else { throw .last("look up", place(path)) }
        return Identity(device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino))
    }

    /// Makes a directory (its parents too) unless there is one; anything else of that name is replaced.
    public func makeDirectory(_ path: [UInt8]) throws(HostError) {
        guard try !RootedDirectory.components(path).isEmpty else { return }
        let (parent, name) = try parent(of: path)
        let text = CString(name)
        if text.withPointer({ mkdirat(parent, $0, 0o700) }) == 0 { return }
        guard errno == EEXIST else { throw .last("make directory", place(path)) }
        var facts = stat()
        guard text.withPointer({ fstatat(parent, $0, &facts, AT_SYMLINK_NOFOLLOW) }) == 0 else { throw .last("look up", place(path)) }
        if facts.st_mode & S_IFMT == S_IFDIR { return }
        try remove(path)
        let (again, _) = try self.parent(of: path)
        guard text.withPointer({ mkdirat(again, $0, 0o700) }) == 0 else { throw .last("make directory", place(path)) }
    }

    /// Makes an empty regular file, replacing what has its name, and opens it for writing; the caller closes the descriptor.
    public func createFile(_ path: [UInt8]) throws(HostError) -> Int32 {
        try remove(path)
        let (parent, name) = try parent(of: path)
        let file = CString(name).withPointer { openat(parent, $0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600) }
        guard file >= 0 else { throw .last("create", place(path)) }
        return file
    }

    /// Makes a link, pipe or device, replacing what has its name. Pipes and devices have no permissions until they are set.
    public func make(_ special: Special, _ path: [UInt8]) throws(HostError) {
        try remove(path)
        let (parent, name) = try parent(of: path)
        let result = CString(name).withPointer { name in
            switch special {
            case .symbolicLink(let target): CString(target).withPointer { symlinkat($0, parent, name) }
            case .fifo: mknodat(parent, name, S_IFIFO, 0)
            case .character(let major, let minor): mknodat(parent, name, S_IFCHR, starling_make_device(major, minor))
            case .block(let major, let minor): mknodat(parent, name, S_IFBLK, starling_make_device(major, minor))
            }
        }
        guard result == 0 else { throw .last("create", place(path)) }
    }

    /// Gives something here a second name, replacing what has it.
    public func makeHardLink(_ path: [UInt8], to existing: [UInt8]) throws(HostError) {
        // The parent of the existing name is kept beside the cached one of the new name.
        let (source, sourceName) = try parent(of: existing)
        let sourceCopy = dup(source)
        guard sourceCopy >= 0 else { throw .last("open", place(existing)) }
        defer { close(sourceCopy) }
        let (target, targetName) = try parent(of: path)
        let (old, new) = (CString(sourceName), CString(targetName))
        if old.withPointer({ old in new.withPointer { linkat(sourceCopy, old, target, $0, 0) } }) == 0 { return }
        guard errno == EEXIST else { throw .last("link \(place(existing)) as", place(path)) }
        // A link to itself is what some archives say of a file that is there already.
        if sourceName == targetName, isSameDirectory(sourceCopy, target) { return }
        try remove(path)
        let (again, _) = try parent(of: path)
        guard old.withPointer({ old in new.withPointer { linkat(sourceCopy, old, again, $0, 0) } }) == 0 else {
            throw .last("link \(place(existing)) as", place(path))
        }
    }

    /// Removes a name with all below it; nothing there is no error.
    public func remove(_ path: [UInt8]) throws(HostError) {
        let (parent, name) = try parent(of: path)
        let removed = CString(name).withPointer { unlinkat(parent, $0, 0) }
        if removed != 0, errno == ENOENT { return }
        let code = errno
        // What goes may have been on the way to the cached parent; `parent` itself is used up before it is closed.
        defer { forgetParent() }
        if removed == 0 { return }
        guard code == EISDIR else { throw .call(operation: "remove", path: place(path), code: code) }
        try Files.removeDirectory(CString(name), in: parent, path: place(path))
    }

    /// Sets owner, attributes, permissions and time, in the order in which they do not undo each other; never follows a link.
    public func setAttributes(_ attributes: Attributes, _ path: [UInt8]) throws(HostError) {
        let isTop = try RootedDirectory.components(path).isEmpty
        let (parent, name): (Int32, [UInt8]) = isTop ? (descriptor, [UInt8(ascii: ".")]) : try parent(of: path)
        let text = CString(name)
        guard text.withPointer({ fchownat(parent, $0, attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW) }) == 0 else {
            throw .last("set the owner of", place(path))
        }
        try setXattrs(attributes.xattrs, parent, name, path)
        if let permissions = attributes.permissions {
            // Without the flag a link in the last place would lead to a file of the host.
            guard text.withPointer({ fchmodat(parent, $0, permissions, AT_SYMLINK_NOFOLLOW) }) == 0 else {
                throw .last("set the mode of", place(path))
            }
        }
        var times = [timespec(), timespec()]
        for index in times.indices {
            times[index].tv_sec = Int(attributes.modified.seconds)
            times[index].tv_nsec = Int(attributes.modified.nanoseconds)
        }
        guard text.withPointer({ utimensat(parent, $0, times, AT_SYMLINK_NOFOLLOW) }) == 0 else {
            throw .last("set the time of", place(path))
        }
    }

    /// Sets one extended attribute, never following a link.
    public func setXattr(_ name: String, _ value: [UInt8], _ path: [UInt8]) throws(HostError) {
        let isTop = try RootedDirectory.components(path).isEmpty
        let (parent, last): (Int32, [UInt8]) = isTop ? (descriptor, [UInt8(ascii: ".")]) : try parent(of: path)
        try setXattrs([name: value], parent, last, path)
    }

    /// File type (`S_IFMT` bits) of a name itself; nil when there is nothing.
    public func kind(_ path: [UInt8]) throws(HostError) -> UInt32? {
        let (parent, name) = try parent(of: path)
        var facts = stat()
        guard CString(name).withPointer({ fstatat(parent, $0, &facts, AT_SYMLINK_NOFOLLOW) }) == 0 else {
            if errno == ENOENT { return nil }
            throw .last("look up", place(path))
        }
        return facts.st_mode & S_IFMT
    }

    private func setXattrs(_ xattrs: [String: [UInt8]], _ parent: Int32, _ name: [UInt8], _ path: [UInt8]) throws(HostError) {
        // There is no call with a directory descriptor; the parent is resolved, only its last step is by name.
        let target = CString(Array("/proc/self/fd/\(parent)/".utf8) + name)
        for (attribute, value) in xattrs.sorted(by: { $0.key < $1.key }) {
            guard target.withPointer({ starling_lsetxattr($0, attribute, value, value.count) }) == 0 else {
                // A file system without that kind of attribute: containers live without it, as they do under docker.
                if errno == ENOTSUP, !attribute.hasPrefix("trusted.") { continue }
                throw .last("set attribute \(attribute) of", place(path))
            }
        }
    }

    private func isSameDirectory(_ a: Int32, _ b: Int32) -> Bool {
        var (left, right) = (stat(), stat())
        return fstat(a, &left) == 0 && fstat(b, &right) == 0 && left.st_dev == right.st_dev && left.st_ino == right.st_ino
    }
}
