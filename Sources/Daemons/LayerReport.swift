public import Digests

/// How one layer came to be in containerd.
public struct LayerReport: Sendable, CustomStringConvertible {
    /// The ways.
    public enum Outcome: Sendable, Hashable {
        /// It was there.
        case present
        /// Mounted by the snapshotter, now or earlier; its bytes come when they are read.
        case lazy
        /// Downloaded and unpacked, because of the reason.
        case pulled(reason: String)
        /// Downloaded into the content store, and nothing else.
        case fetched
    }

    /// Digest of the blob.
    public let digest: Digest
    /// Size of the blob in bytes.
    public let size: Int64
    /// What happened.
    public let outcome: Outcome

    /// A report.
    public init(digest: Digest, size: Int64, outcome: Outcome) {
        self.digest = digest
        self.size = size
        self.outcome = outcome
    }

    /// One line for the user.
    public var description: String {
        switch outcome {
        case .present: "\(digest): already there"
        case .lazy: "\(digest): lazy"
        case .pulled(let reason): "\(digest): pulled, \(size) bytes: \(reason)"
        case .fetched: "\(digest): fetched, \(size) bytes"
        }
    }
}
