internal import CLinux
internal import Glibc

/// Networks of their own (network_namespaces(7)).
public enum NetworkNamespace {
    /// Makes one and mounts it on a file, which is made: it lives as long as somebody has it mounted, open or in use.
    public static func make(at path: String) throws(HostError) {
        let descriptor = starling_network_namespace()
        guard descriptor >= 0 else { throw .last("make a network namespace for", path) }
        defer { close(descriptor) }
        let file = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .last("create", path) }
        close(file)
        try Mounts.bind("/proc/self/fd/\(descriptor)", at: path)
    }
}

/// Ports that nobody uses.
public enum FreePort {
    /// One that is free at this moment.
    public static func find(isStream: Bool) throws(HostError) -> UInt16 {
        let kind = isStream ? SOCK_STREAM : SOCK_DGRAM
        let descriptor = socket(AF_INET, Int32(kind.rawValue), 0)
        guard descriptor >= 0 else { throw .last("find a port", "(network)") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard result == 0 else { throw .last("find a port", "(network)") }
        return UInt16(bigEndian: address.sin_port)
    }
}
