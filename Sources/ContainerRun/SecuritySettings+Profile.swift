internal import HostSystem
internal import OCI

extension SecuritySettings {
    /// The filter of system calls; nil when there is none.
    ///
    /// - Throws: `HostError` or `DocumentError` for a file that cannot be read.
    func profile() throws -> SeccompProfile? {
        guard !isPrivileged else { return nil }
        switch seccomp {
        case .usual: return DefaultSeccomp.profile
        case .unconfined: return nil
        case .file(let path):
            let bytes = try Files.read(path, limit: Documents.maximumSize)
            return try Documents.decode(SeccompProfile.self, from: bytes, what: path)
        }
    }
}
