internal import Glibc
internal import HostSystem

/// Which container a name is.
struct ContainerNames {
    let root: String

    private var directory: String { root + "/names" }

    /// Gives a container its name.
    ///
    /// - Throws: `ContainerError.nameTaken`, or `HostError`.
    func take(_ name: String, for id: String) throws {
        try Files.makeDirectories(directory, mode: 0o711)
        let link = directory + "/" + name
        for _ in 0..<2 {
            if symlink("../containers/" + id, link) == 0 { return }
            let error = HostError.last("make a link", link)
            guard error.code == EEXIST else { throw error }
            let other = try self.id(of: name)
            if let other, Files.exists(ContainerDirectory.parent(root: root) + "/" + other) {
                throw ContainerError.nameTaken(name, by: other)
            }
            // Of one that was killed while it was removed.
            unlink(link)
        }
        throw HostError.call(operation: "make a link", path: link, code: EEXIST)
    }

    /// The container of a name; nil when there is none.
    func id(of name: String) throws(HostError) -> String? {
        do throws(HostError) {
            return try Files.link(directory + "/" + name).split(separator: "/").last.map(String.init)
        } catch {
            guard error.code == ENOENT else { throw error }
            return nil
        }
    }

    /// Lets go of a name, when it is this container's.
    func release(_ name: String, of id: String) throws(HostError) {
        if try self.id(of: name) == id { try Files.remove(directory + "/" + name) }
    }
}
