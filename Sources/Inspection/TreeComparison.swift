internal import Compression
internal import Digests
internal import EStargz
public import OCI
internal import Tar
internal import Threads

/// Compares two images layer by layer through their archives, as any runtime unpacks them: nothing here believes a TOC.
public struct TreeComparison: Sendable {
    private let left: (source: any ImageSource, layers: [Descriptor])
    private let right: (source: any ImageSource, layers: [Descriptor])

    /// Number of layers of both images.
    public var layerCount: Int { left.layers.count }

    /// Reads both images' manifests.
    ///
    /// - Throws: `InspectionError.layerCount` when they have different numbers of layers, or what a source throws.
    public init(_ left: any ImageSource, _ right: any ImageSource, platform: Platform) async throws {
        self.left = (left, try await PlatformImage(source: left, platform: platform).manifest.layers)
        self.right = (right, try await PlatformImage(source: right, platform: platform).manifest.layers)
        guard self.left.layers.count == self.right.layers.count else {
            throw InspectionError.layerCount(self.left.layers.count, self.right.layers.count)
        }
    }

    /// The differences of one layer, a line each, sorted by path; empty when both unpack to the same tree.
    public func differences(layer: Int) async throws -> [String] {
        async let ours = Self.files(left.layers[layer], of: left.source)
        async let theirs = Self.files(right.layers[layer], of: right.source)
        let (a, b) = try await (ours, theirs)
        return Set(a.keys).union(b.keys).sorted().compactMap { path in
            switch (a[path], b[path]) {
            case (nil, _): "\(path): only in the second image"
            case (_, nil): "\(path): only in the first image"
            case (let mine?, let other?): mine == other ? nil : "\(path): \(mine.difference(to: other, in: "the second image"))"
            }
        }
    }

    private static func files(_ layer: Descriptor, of source: any ImageSource) async throws -> [String: FileFacts] {
        let stream = try await source.blob(layer)
        defer { stream.cancel() }
        return try await BlockingTask.run(cancel: { stream.cancel() }) {
            let input = try Archive(stream)
            let reader = TarReader(input)
            var files: [String: FileFacts] = [:]
            while let entry = try reader.next() {
                let name = TOC.cleanName(entry.name)
                if TOC.isInternalName(name) { continue }
                // A later entry of a name replaces an earlier one when the archive is unpacked.
                files[name] = try facts(entry, reader)
            }
            try reader.withTail { _ in }
            return files
        }
    }

    private static func facts(_ entry: TarEntry, _ reader: TarReader) throws -> FileFacts {
        var hasher = SHA256Hasher()
        while try reader.withPayload(atMost: .max, { hasher.update($0) }) != nil {}
        return FileFacts(entry, contents: entry.kind == .regular ? [hasher.digestSoFar()] : [])
    }

    private final class Archive: TarInput {
        private let reader: DecompressingReader

        init(_ stream: any BlobStream) throws { reader = try DecompressingReader { try stream.read(into: $0) } }

        func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try reader.read(into: buffer) }
    }
}
