import HostSystem

/// A certificate for 127.0.0.1 and its key, signed by itself, in files of their own; for servers and for clients.
public final class ServerIdentity: Sendable {
    private let directory: TemporaryDirectory

    /// Makes one with openssl.
    public init() throws {
        directory = try TemporaryDirectory(prefix: "starling-identity-")
        try run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=starling test", "-addext", "subjectAltName=IP:127.0.0.1",
                "-keyout", directory.path + "/key.pem", "-out", directory.path + "/certificate.pem",
            ])
    }

    /// File of the certificate (PEM).
    public var certificate: String { directory.path + "/certificate.pem" }
    /// File of the key (PEM).
    public var key: String { directory.path + "/key.pem" }

    /// The certificate, for who is to trust it.
    public func certificateBytes() throws -> [UInt8] { try Files.read(certificate, limit: 1 << 20) }
}
