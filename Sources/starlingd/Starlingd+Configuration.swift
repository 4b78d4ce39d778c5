internal import Configuration
internal import HostSystem
internal import Logging

extension Starlingd {
    /// Largest configuration file, in bytes: far above any real one.
    private static let maximumConfigurationSize = 1 << 20

    /// Reads the file of `--config`, or the default one when it is there.
    func readConfiguration(_ log: Logger) throws -> DaemonConfiguration {
        let path = config ?? Self.defaultConfigurationFile
        if config == nil, !Files.exists(path) { return DaemonConfiguration() }
        let bytes = try Files.read(path, limit: Self.maximumConfigurationSize)
        let configuration = try DaemonConfiguration(parsing: String(decoding: bytes, as: UTF8.self), path: path)
        for key in configuration.ineffectiveKeys {
            log.warning("configuration key has no effect", metadata: ["key": "\(key)", "file": "\(path)"])
        }
        for key in configuration.unsupportedKeys {
            log.warning("configuration key is not supported yet", metadata: ["key": "\(key)", "file": "\(path)"])
        }
        return configuration
    }
}
