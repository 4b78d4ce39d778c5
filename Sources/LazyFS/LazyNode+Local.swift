internal import ChunkStore
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
        let table = try await LayerTable.read(descriptor, of: source)
        let compiled = try table.compiled()
        let layer: LazyLayer
        do {
            layer = LazyLayer(
                stored: try store.add(descriptor.digest, compiled, facts: table.facts),
                source: LocalBlob(try await source.ranges(descriptor)))
        } catch {
            throw .store("\(error)")
        }
        return try mount(layer, descriptor, of: reference)
    }
}
