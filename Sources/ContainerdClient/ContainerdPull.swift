internal import ContainerdAPI
public import Digests
internal import GRPCCore
public import OCI

/// Pulls an image into containerd the way a client of a lazy snapshotter must: metadata is downloaded, layers only where they have to be.
///
///     lease ─▶ index, manifest, config ─▶ content store (labels keep the garbage collector away)
///           ─▶ per layer: Prepare with the labels that name it ─▶ ALREADY_EXISTS: lazy, nothing to download
///                                                             └▶ mounts: download the blob, Apply, Commit
///           ─▶ image record ─▶ lease deleted
///
/// The image record is the last step: after a failure there is none, and what was stored is containerd's to collect.
/// This room speaks containerd's API only; where the image comes from is the `ImageSource`'s business.
public struct ContainerdPull: Sendable {
    let reference: Reference
    let source: any ImageSource
    let options: ContainerdOptions
    let report: @Sendable (LayerReport) -> Void

    /// Prepares a pull.
    ///
    /// - Parameters:
    ///   - reference: name of the image in containerd, and where the snapshotter fetches its layers from.
    ///   - source: the same image; documents and, where a layer cannot be lazy, blobs are read from it.
    ///   - report: called once for each layer, lowest first, as soon as it is there.
    public init(
        reference: Reference, source: any ImageSource, options: ContainerdOptions, report: @escaping @Sendable (LayerReport) -> Void
    ) {
        self.reference = reference
        self.source = source
        self.options = options
        self.report = report
    }

    /// What a pull brought about.
    public struct Result: Sendable {
        /// The image's top document, index or manifest.
        public let target: Descriptor
        /// The manifest for the platform.
        public let manifest: Descriptor
        /// Name of the snapshot with the whole root file system.
        public let chainID: Digest
        /// Layers, lowest first.
        public let layers: [LayerReport]
    }

    /// Pulls. Throws a `ContainerdError`, or what the source throws.
    public func run() async throws -> Result {
        try await Containerd.connect(options) { containerd in
            try await containerd.checkVersion()
            let image = try await ResolvedImage(source: source, platform: options.platform)
            return try await containerd.withLease { containerd in
                try await store(image, in: containerd)
                let layers = try await unpack(image, in: containerd)
                try await containerd.setLabels(
                    ["containerd.io/gc.ref.snapshot.\(options.snapshotter)": "\(image.chainID)"], of: image.manifest.config.digest)
                try await containerd.record(name: reference.description, target: image.target)
                return Result(target: image.target, manifest: image.manifestDescriptor, chainID: image.chainID, layers: layers)
            }
        }
    }
}

/// How one layer came to be in containerd.
public struct LayerReport: Sendable, CustomStringConvertible {
    /// The ways.
    public enum Outcome: Sendable, Hashable {
        /// The snapshot was there.
        case present
        /// Mounted by the snapshotter; its bytes come when they are read.
        case lazy
        /// Downloaded and unpacked, because of the reason.
        case pulled(reason: String)
    }

    /// Digest of the blob.
    public let digest: Digest
    /// Size of the blob in bytes.
    public let size: Int64
    /// What happened.
    public let outcome: Outcome

    /// One line for the user.
    public var description: String {
        switch outcome {
        case .present: "\(digest): already there"
        case .lazy: "\(digest): lazy"
        case .pulled(let reason): "\(digest): pulled, \(size) bytes: \(reason)"
        }
    }
}
