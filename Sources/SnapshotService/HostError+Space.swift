internal import Glibc
internal import HostSystem

extension HostError {
    /// Whether the disk, or the user's share of it, is full.
    static func isNoSpace(_ code: Int32) -> Bool { code == ENOSPC || code == EDQUOT }
}
