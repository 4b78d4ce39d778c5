import Glibc
import HostSystem

/// Sockets on 127.0.0.1.
public enum Loopback {
    /// A TCP port that nobody listens on now.
    public static func freePort() throws -> UInt16 {
        let (descriptor, port) = try listen(port: 0)
        close(descriptor)
        return port
    }

    /// Whether somebody accepts connections on a port.
    public static func accepts(port: UInt16) -> Bool {
        guard let descriptor = try? connect(port: port) else { return false }
        close(descriptor)
        return true
    }

    /// Listens on a port, or on a free one for 0; the caller closes the descriptor.
    public static func listen(port: UInt16) throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = try socket()
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = self.address(port)
        let result = withAddress(&address) { bind(descriptor, $0, $1) == 0 ? Glibc.listen(descriptor, 64) : -1 }
        guard result == 0 else { throw closing(descriptor, HostError.last("listen on", "127.0.0.1:\(port)")) }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        guard withAddress(&address, { pointer, _ in getsockname(descriptor, pointer, &length) }) == 0 else {
            throw closing(descriptor, HostError.last("ask for the port of", "127.0.0.1"))
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    /// Connects to a port; the caller closes the descriptor.
    public static func connect(port: UInt16) throws -> Int32 {
        let descriptor = try socket()
        var address = self.address(port)
        guard withAddress(&address, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
            throw closing(descriptor, HostError.last("connect to", "127.0.0.1:\(port)"))
        }
        return descriptor
    }

    private static func socket() throws -> Int32 {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw HostError.last("make a socket for", "127.0.0.1") }
        return descriptor
    }

    private static func closing(_ descriptor: Int32, _ error: HostError) -> HostError {
        close(descriptor)
        return error
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private static func withAddress<Result>(
        _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }
}
