/// What stands in the mount's root beside the slots: a tree of names that is made up as it is asked for.
///
/// Its nodes have numbers of their own, from 2 to 2^40 - 1, which should mean the same in the next process: the kernel may ask that one for a node that
/// this one has shown. It asks for every name anew. Nothing can be written: making a file and removing a directory are only told, and the
/// kernel hears that there is no such name.
///
/// Calls come from the threads that answer the kernel, so none may block; answers may come later, from any thread, and each must come once.
public protocol MountFront: AnyObject, Sendable {
    /// Finds a name in a directory, nil being the mount's root; the answer is nil when there is none.
    func find(_ name: String, in directory: UInt64?, _ answer: @escaping @Sendable (FrontNode?) -> Void)
    /// A node that was found before; nil when it is not known any more.
    func node(_ number: UInt64) -> FrontNode?
    /// Reads a file; the answer is nil when it cannot be read.
    func read(_ number: UInt64, offset: UInt64, size: Int, _ answer: @escaping @Sendable ([UInt8]?) -> Void)
    /// Somebody wants to make a file.
    func create(_ name: String, in directory: UInt64, _ answer: @escaping @Sendable () -> Void)
    /// Somebody wants to remove a directory.
    func remove(_ name: String, from directory: UInt64, _ answer: @escaping @Sendable () -> Void)
    /// Whatever is not answered yet is to be, soon; no more calls are of any use.
    func end()
}

/// A node of the front.
public struct FrontNode: Equatable, Sendable {
    /// Its number.
    public let number: UInt64
    /// What it is.
    public let kind: Kind

    /// Directory, file or symbolic link.
    public enum Kind: Equatable, Sendable {
        /// A directory that lists nothing.
        case directory
        /// A file of so many bytes, which never change.
        case file(size: UInt64)
        /// A symbolic link, whose target never changes.
        case link(target: String)
    }

    /// A node and what it is.
    public init(number: UInt64, kind: Kind) {
        self.number = number
        self.kind = kind
    }
}
