public import ChunkStore
public import OCI

extension LazyLayer {
    /// A layer of an image that is on this machine, in a store from now on.
    ///
    /// - Throws: `LayerRefusal`, why the layer cannot be lazy.
    public static func local(
        _ descriptor: Descriptor, in source: any ImageSource, _ store: LayerStore
    ) async throws(LayerRefusal) -> LazyLayer {
        let table = try await LayerTable.read(descriptor, of: source)
        let compiled = try table.compiled()
        do {
            return LazyLayer(
                stored: try store.add(descriptor.digest, compiled, facts: table.facts),
                source: LocalBlob(try await source.ranges(descriptor)))
        } catch {
            throw .store("\(error)")
        }
    }
}
