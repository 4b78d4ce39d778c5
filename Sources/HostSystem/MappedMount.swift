internal import CLinux
internal import Glibc

/// A directory shown elsewhere, read-only, with other owners: each file belongs to the id on the host that its owner's id is in a user namespace.
public struct MappedMount: Sendable {
    /// Ids of users.
    public let users: IDMap
    /// Ids of groups.
    public let groups: IDMap

    /// A mapping.
    public init(users: IDMap, groups: IDMap) { (self.users, self.groups) = (users, groups) }

    /// Mounts directories of any file system that can be mapped, each at an existing directory. What is mounted below them is not shown.
    ///
    /// - Throws: `HostError`; then those before the failed one are mounted.
    public func mount(_ places: [(source: String, target: String)]) throws(HostError) {
        let namespace = starling_user_namespace(users.kernelText, groups.kernelText)
        guard namespace >= 0 else { throw .last("make a user namespace for", places.first?.target ?? "nothing") }
        let owned = OwnedDescriptor(namespace)
        for place in places {
            let tree = starling_map_mount(place.source, owned.raw)
            guard tree >= 0 else { throw .last("map the ids of", place.source) }
            let ownedTree = OwnedDescriptor(tree)
            guard starling_move_mount(ownedTree.raw, place.target) == 0 else { throw .last("mount at", place.target) }
        }
    }
}
