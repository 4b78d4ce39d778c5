internal import CLinux
internal import Glibc

/// What is mounted somewhere once more, at no place yet: a copy that shares the file system, and what of it is in memory, with the first mount
/// (open_tree(2)). It may travel to another process, which attaches it in its own mount namespace; without an owner it is gone.
public struct DetachedMount: ~Copyable {
    private let owned: OwnedDescriptor

    /// Takes charge of one that another process has made.
    public init(_ descriptor: consuming OwnedDescriptor) { owned = descriptor }

    /// Copies what is at a path, from that directory on and without the mounts below.
    public init(of path: String) throws(HostError) {
        let descriptor = starling_clone_mount(path)
        guard descriptor >= 0 else { throw .last("copy the mount at", path) }
        owned = OwnedDescriptor(descriptor)
    }

    /// The descriptor, valid as long as the owner.
    public var descriptor: Int32 { owned.raw }

    /// Mounts it at an existing directory, where it stays.
    public func attach(at target: String) throws(HostError) {
        guard starling_move_mount(owned.raw, target) == 0 else { throw .last("mount at", target) }
    }
}
