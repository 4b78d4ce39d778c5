public import Digests
public import FetchEngine

/// Why an image cannot be looked into, or is not what it should be.
public enum InspectionError: Error, CustomStringConvertible {
    /// A layer has no TOC that could be used.
    case notLazy(layer: Int, count: Int, digest: Digest, reason: LayerRefusal)
    /// No such file in the image.
    case noFile(path: String, image: String)
    /// Not a regular file.
    case notRegular(path: String, image: String)
    /// A layer that is not what the chain of digests says.
    case wrong(layer: Int, count: Int, digest: Digest, reason: String)
    /// Two images of different numbers of layers.
    case layerCount(Int, Int)

    /// One line for the user.
    public var description: String {
        switch self {
        case .notLazy(let layer, let count, let digest, let reason): "layer \(layer) of \(count) (\(digest)): \(reason)"
        case .noFile(let path, let image): "\(image): no such file: \(path)"
        case .notRegular(let path, let image): "\(image): not a regular file: \(path)"
        case .wrong(let layer, let count, let digest, let reason): "layer \(layer) of \(count) (\(digest)): \(reason)"
        case .layerCount(let left, let right): "the images have \(left) and \(right) layers; a conversion keeps their number"
        }
    }
}
