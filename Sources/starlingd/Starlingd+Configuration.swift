internal import Configuration
internal import HostSystem
internal import Logging

extension DaemonConfiguration {
    /// Largest configuration file, in bytes: far above any real one.
    private static let maximumSize = 1 << 20

    /// Reads a file.
    init(file path: String) throws {
        let bytes = try Files.read(path, limit: Self.maximumSize)
        try self.init(parsing: String(decoding: bytes, as: UTF8.self), path: path)
    }
}

extension Starlingd {
    /// Reads the file of `--config`, or the default one when it is there, and names what of it has no effect.
    func readConfiguration(_ log: Logger) throws -> DaemonConfiguration {
        let path = config ?? Self.defaultConfigurationFile
        if config == nil, !Files.exists(path) { return DaemonConfiguration() }
        let configuration = try DaemonConfiguration(file: path)
        for key in configuration.ineffectiveKeys {
            log.warning("configuration key has no effect", metadata: ["key": "\(key.key)", "file": "\(path)", "reason": "\(key.reason)"])
        }
        return configuration
    }
}
