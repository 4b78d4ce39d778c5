public import Digests
internal import GRPCCore

/// Why containerd could not give or take an image.
public enum ContainerdError: Error, Equatable, CustomStringConvertible {
    /// Nobody answers on the socket.
    case unreachable(address: String, reason: String)
    /// A call failed.
    case call(_ call: String, about: String, reason: String)
    /// The reference leads to something that is no container image.
    case notAnImage(source: String, reason: String)
    /// No image of that name.
    case noImage(name: String, namespace: String)
    /// An image whose content is not all there.
    case missingContent(Digest, image: String)
    /// Content that is not what its descriptor says.
    case damaged(Digest, reason: String)
    /// A layer unpacked to something else than the configuration promises.
    case wrongDiffID(layer: Digest, expected: Digest, actual: String)
    /// A layer cannot be lazy, and the caller wants nothing else.
    case notLazy(layer: Digest, reason: String)
    /// containerd ended a conversation early.
    case interrupted(_ call: String, about: String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .unreachable(let address, let reason): "cannot reach containerd at \(address): \(reason)"
        case .call(let call, let about, let reason): "containerd: \(call) \(about): \(reason)"
        case .notAnImage(let source, let reason): "\(source): not a container image: \(reason)"
        case .noImage(let name, let namespace):
            "containerd has no image \(name) in its namespace \(namespace); see ctr --namespace \(namespace) image ls"
        case .missingContent(let digest, let image):
            "containerd does not have all of \(image): \(digest) is missing, as those of layers that were mounted lazily are; "
                + "starling materialize \(image) fetches it"
        case .damaged(let digest, let reason): "containerd: content \(digest) is damaged: \(reason)"
        case .wrongDiffID(let layer, let expected, let actual):
            "layer \(layer): unpacks to \(actual), the image's configuration says \(expected); the image is damaged"
        case .notLazy(let layer, let reason): "layer \(layer) cannot be lazy, as --lazy require wants: \(reason)"
        case .interrupted(let call, let about): "containerd: \(call) \(about): ended before it was complete"
        }
    }

    /// A failed call; what is no RPC error passes through.
    static func failed(_ call: String, about: String, _ error: any Error) -> any Error {
        guard let error = error as? RPCError else { return error }
        return ContainerdError.call(call, about: about, reason: error.message.isEmpty ? "\(error.code)" : error.message)
    }
}
