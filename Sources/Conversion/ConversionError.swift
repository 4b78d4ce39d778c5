public import Digests
public import HostSystem
public import OCI

/// Why an image could not be converted.
public enum ConversionError: Error, CustomStringConvertible {
    /// The source's top document is neither an index nor a manifest.
    case notAnImage(source: String, mediaType: String)
    /// A manifest's configuration is not an image's: it is an artifact.
    case notAnImageConfig(source: String, mediaType: String)
    /// The configuration lists another number of layers than the manifest.
    case layerCount(source: String, manifest: Int, configuration: Int)
    /// A document refers to documents that refer to documents, without end.
    case tooDeep(source: String)
    /// A layer of a type that has no file system in it, or that must not be distributed.
    case unsupportedLayer(LayerName, mediaType: String)
    /// A layer's content is not what the configuration says it is.
    case diffID(LayerName, expected: Digest, actual: Digest)
    /// A layer could not be read, converted or stored.
    case layer(LayerName, any Error)
    /// A temporary file could not be written.
    case temporaryFile(HostError)

    /// One line for the user.
    public var description: String {
        switch self {
        case .notAnImage(let source, let type): "\(source) is not an image: its media type is \(type)"
        case .notAnImageConfig(let source, let type):
            "\(source) is not a container image but an artifact: its configuration's media type is \(type)"
        case .layerCount(let source, let manifest, let configuration):
            "\(source): the manifest has \(manifest) layers, the configuration \(configuration)"
        case .tooDeep(let source): "\(source): its indexes refer to each other too deeply"
        case .unsupportedLayer(let layer, let type): "\(layer) cannot be converted: its media type is \(type)"
        case .diffID(let layer, let expected, let actual):
            "\(layer): its content has the digest \(actual), but the image's configuration says \(expected); the source is damaged"
        case .layer(let layer, let error): "\(layer): \(error)"
        case .temporaryFile(let error): "\(error.summary); choose another place for temporary files with --root"
        }
    }
}
