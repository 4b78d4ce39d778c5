internal import Digests
internal import OCI
internal import Registry

/// Blobs as files: read from the registry in large pieces, of which the latest are kept, for readers go from front to back in small steps.
///
/// Nothing is verified here: containers/storage does that with the whole blob, which it wants when an image is pushed or saved.
actor BlobWindows {
    private let client: RegistryClient
    private var windows: [(place: Place, task: Task<[UInt8], any Error>)] = []

    private struct Place: Equatable {
        let digest: Digest
        let index: UInt64
    }

    /// Bytes of a piece, and pieces that are kept: 16 MiB in all.
    private static let size: UInt64 = 4 << 20
    private static let capacity = 4

    init(client: RegistryClient) { self.client = client }

    /// Reads a part of a blob; shorter at its end.
    func read(_ blob: Descriptor, of image: Reference, offset: UInt64, size: Int) async throws -> [UInt8] {
        let end = min(offset + UInt64(size), UInt64(max(0, blob.size)))
        guard offset < end else { return [] }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(end - offset))
        for index in offset / BlobWindows.size...(end - 1) / BlobWindows.size {
            let window = window(index, blob, image)
            // Who has read the one before will want the one after.
            if index > 0, isKept(index - 1, blob) { _ = self.window(index + 1, blob, image) }
            let content = try await value(of: window, Place(digest: blob.digest, index: index))
            let start = index * BlobWindows.size
            bytes += content[Int(max(offset, start) - start)..<Int(min(end, start + UInt64(content.count)) - start)]
        }
        return bytes
    }

    private func isKept(_ index: UInt64, _ blob: Descriptor) -> Bool {
        let place = Place(digest: blob.digest, index: index)
        return windows.contains { $0.place == place }
    }

    /// A piece that is here or on its way, else one that is asked for now.
    private func window(_ index: UInt64, _ descriptor: Descriptor, _ image: Reference) -> Task<[UInt8], any Error> {
        let place = Place(digest: descriptor.digest, index: index)
        if let known = windows.first(where: { $0.place == place }) { return known.task }
        let start = index * BlobWindows.size
        let end = min(start + BlobWindows.size, UInt64(max(0, descriptor.size)))
        guard start < end else { return Task { [] } }
        let blob = client.blob(descriptor, of: image)
        let task = Task { try await blob.read(start..<end) }
        windows.append((place, task))
        if windows.count > BlobWindows.capacity { windows.removeFirst() }
        return task
    }

    // One that failed is asked for anew by the next reader.
    private func value(of task: Task<[UInt8], any Error>, _ place: Place) async throws -> [UInt8] {
        do {
            return try await task.value
        } catch {
            windows.removeAll { $0.place == place }
            throw error
        }
    }
}
