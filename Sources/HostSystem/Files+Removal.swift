internal import CLinux
internal import Glibc

extension Files {
    /// Removes a file, or a directory with all that is in it; nothing there is no error.
    ///
    /// Never follows a symbolic link and never enters a mount: what is mounted inside makes it fail with `EXDEV` or `EBUSY`
    /// and keeps its contents.
    public static func remove(_ path: String) throws(HostError) {
        if unlink(path) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else { throw .last("remove", path) }
        try removeDirectory(CString(path.utf8), in: AT_FDCWD, path: path)
    }

    /// Removes a directory with all that is in it; `path` is for messages.
    static func removeDirectory(_ name: CString, in parent: Int32, path: String) throws(HostError) {
        let descriptor = name.withPointer { openat(parent, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        guard descriptor >= 0 else { throw .last("remove", path) }
        do {
            defer { close(descriptor) }
            let removal = Removal(top: descriptor)
            // Directories that were too deep were moved to the top, so the top is emptied until it stays so.
            repeat {
                removal.moved = 0
                try removal.empty(descriptor, depth: 0, path: path)
            } while removal.moved > 0
        }
        guard name.withPointer({ unlinkat(parent, $0, AT_REMOVEDIR) }) == 0 || errno == ENOENT else { throw .last("remove", path) }
    }

    /// One removal; holds what its levels share.
    private final class Removal {
        /// Each level holds a descriptor; far below the usual limit of 1,024 open files.
        static let maximumDepth = 64
        let top: Int32
        var moved = 0
        private var serial = 0

        init(top: Int32) { self.top = top }

        func empty(_ directory: Int32, depth: Int, path: String) throws(HostError) {
            for name in try names(in: directory, path: path) {
                let place = path + "/" + String(decoding: name, as: UTF8.self)
                let text = CString(name)
                if text.withPointer({ unlinkat(directory, $0, 0) }) == 0 || errno == ENOENT { continue }
                guard errno == EISDIR || errno == EPERM else { throw .last("remove", place) }
                if depth == Removal.maximumDepth {
                    serial += 1
                    guard text.withPointer({ renameat(directory, $0, top, ".removing-\(serial)") }) == 0 else {
                        throw .last("remove", place)
                    }
                    moved += 1
                    continue
                }
                try removeDirectory(text, in: directory, depth: depth, path: place)
            }
        }

        private func removeDirectory(_ name: CString, in directory: Int32, depth: Int, path: String) throws(HostError) {
            let child = try openDirectory(name, in: directory, path: path)
            do {
                defer { close(child) }
                try empty(child, depth: depth + 1, path: path)
            }
            guard name.withPointer({ unlinkat(directory, $0, AT_REMOVEDIR) }) == 0 || errno == ENOENT else { throw .last("remove", path) }
        }

        private func openDirectory(_ name: CString, in directory: Int32, path: String) throws(HostError) -> Int32 {
            let open = {
                name.withPointer {
                    starling_openat2(
                        directory, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, STARLING_RESOLVE_NO_XDEV | STARLING_RESOLVE_BENEATH)
                }
            }
            var child = open()
            if child < 0, errno == EACCES, name.withPointer({ fchmodat(directory, $0, 0o700, 0) }) == 0 {
                // An ordinary user's directory without the right to read it.
                child = open()
            }
            guard child >= 0 else { throw .last("remove", path) }
            return child
        }

        private func names(in directory: Int32, path: String) throws(HostError) -> [[UInt8]] {
            // fdopendir takes the descriptor over and moves its position, so it gets one of its own.
            let own = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard own >= 0 else { throw .last("list", path) }
            guard let stream = fdopendir(own) else {
                let error = HostError.last("list", path)
                close(own)
                throw error
            }
            defer { closedir(stream) }
            return try Files.entries(of: stream, path: path)
        }
    }
}
