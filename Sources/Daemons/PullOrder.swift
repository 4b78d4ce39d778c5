public import OCI

/// An image that containerd is to have.
public struct PullOrder: Sendable {
    /// Name of the image in containerd, and where the snapshotter fetches its layers from.
    public let reference: Reference
    /// The same image; documents and, where a layer cannot be lazy, blobs are read from it.
    public let source: any ImageSource
    /// Which containerd.
    public let options: ContainerdOptions
    /// What may be chosen.
    public let wishes: PullWishes
    /// Told what happens, as it happens.
    public let report: @Sendable (PullEvent) -> Void

    /// An order.
    public init(
        reference: Reference, source: any ImageSource, options: ContainerdOptions, wishes: PullWishes = PullWishes(),
        report: @escaping @Sendable (PullEvent) -> Void
    ) {
        self.reference = reference
        self.source = source
        self.options = options
        self.wishes = wishes
        self.report = report
    }
}

/// What a pull brought about.
public struct PullResult: Sendable {
    /// The image's top document, index or manifest.
    public let target: Descriptor
    /// Layers of the images for the chosen platforms, one after the other, each lowest first.
    public let layers: [LayerReport]

    /// A result.
    public init(target: Descriptor, layers: [LayerReport]) {
        self.target = target
        self.layers = layers
    }
}
