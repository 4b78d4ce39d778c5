internal import Metrics

/// What the kernel asks of the mount; the names are FUSE's.
public enum FuseRequestKind: String, CaseIterable, Sendable {
    case lookup, getattr, readlink, read, readdir, readdirplus, getxattr, listxattr, statfs
}

/// Requests of the kernel since the mount began, by kind. Any thread counts, with one atomic addition.
final class RequestCounts: Sendable {
    private let lookup = AtomicCounter()
    private let getattr = AtomicCounter()
    private let readlink = AtomicCounter()
    private let read = AtomicCounter()
    private let readdir = AtomicCounter()
    private let readdirplus = AtomicCounter()
    private let getxattr = AtomicCounter()
    private let listxattr = AtomicCounter()
    private let statfs = AtomicCounter()

    @inline(__always)
    func add(_ kind: FuseRequestKind) {
        switch kind {
        case .lookup: lookup.add()
        case .getattr: getattr.add()
        case .readlink: readlink.add()
        case .read: read.add()
        case .readdir: readdir.add()
        case .readdirplus: readdirplus.add()
        case .getxattr: getxattr.add()
        case .listxattr: listxattr.add()
        case .statfs: statfs.add()
        }
    }

    func value(_ kind: FuseRequestKind) -> UInt64 {
        switch kind {
        case .lookup: lookup.value
        case .getattr: getattr.value
        case .readlink: readlink.value
        case .read: read.value
        case .readdir: readdir.value
        case .readdirplus: readdirplus.value
        case .getxattr: getxattr.value
        case .listxattr: listxattr.value
        case .statfs: statfs.value
        }
    }
}
