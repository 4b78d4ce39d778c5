public import Digests
public import HostSystem

/// What can be wrong with an image layout or archive.
public enum LayoutError: Error, Equatable, CustomStringConvertible {
    /// A file operation failed.
    case file(HostError)
    /// Not a layout: something that must be there is not, or is not what it should be.
    case notALayout(path: String, reason: String)
    /// Not an archive of images, or not a whole one.
    case notAnArchive(path: String, reason: String)
    /// No image of that tag.
    case noImage(path: String, tag: String, known: [String])
    /// Several images and no tag.
    case ambiguous(path: String, known: [String])
    /// An index for a place that holds one image.
    case onePlatform(path: String)
    /// Content that is not what its descriptor says.
    case mismatch(path: String, digest: Digest, reason: String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .file(let error): error.summary
        case .notALayout(let path, let reason): "\(path) is not an OCI image layout: \(reason)"
        case .notAnArchive(let path, let reason): "\(path) is not an image archive: \(reason)"
        case .noImage(let path, let tag, let known): "\(path) has no image \"\(tag)\"; it has \(LayoutError.list(known))"
        case .ambiguous(let path, let known):
            "\(path) has several images; put one of these behind it and a colon: \(LayoutError.list(known))"
        case .onePlatform(let path):
            "\(path): a docker archive holds the image of one platform; choose one with --platform, or write an oci-archive"
        case .mismatch(let path, let digest, let reason): "\(path): blob \(digest) is damaged: \(reason)"
        }
    }

    private static func list(_ tags: [String]) -> String { tags.isEmpty ? "none with a tag" : tags.sorted().joined(separator: ", ") }

    static func last(_ operation: String, _ path: String) -> LayoutError { .file(.last(operation, path)) }

    /// Runs what works on files; its failure is one of these.
    static func ofFile<Value>(_ body: () throws(HostError) -> Value) throws(LayoutError) -> Value {
        do throws(HostError) {
            return try body()
        } catch {
            throw .file(error)
        }
    }
}
