public import FetchEngine
public import OCI

extension LazyNode {
    /// Opens a layer of an image that is on this machine, and mounts it; nothing of it is prefetched, and there is no registry to ask.
    ///
    /// - Parameter reference: the image's name, for messages.
    /// - Throws: `LayerRefusal`, why the layer cannot be lazy.
    public func open(
        _ descriptor: Descriptor, in source: any ImageSource, as reference: Reference
    ) async throws(LayerRefusal) -> Opened {
        try mount(await LazyLayer.local(descriptor, in: source, store), descriptor, of: reference)
    }
}
