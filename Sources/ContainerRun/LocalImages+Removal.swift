public import Digests
internal import HostSystem
internal import OCI

extension LocalImages {
    /// Why an image stays.
    public struct IsUsed: Error, Equatable, CustomStringConvertible {
        let image: String
        let user: String

        /// One line for the user.
        public var description: String { "\(image) is used by \(user)" }
    }

    /// What only an image has that was removed: nothing else that is remembered needs it.
    public struct Leftover: Equatable, Sendable {
        /// Layers, as the store knows them.
        public var layers: Set<Digest> = []
        /// The same, as they are unpacked.
        public var diffIDs: Set<Digest> = []
    }

    /// Finds the images of a reference, or of the beginning of a manifest's digest.
    public func find(_ text: String) throws -> [Image] {
        let all = try all()
        if let reference = try? Reference(parsing: text) {
            let named = all.filter { $0.reference == reference.description }
            if !named.isEmpty { return named }
        }
        let hex = text.hasPrefix("sha256:") ? String(text.dropFirst("sha256:".count)) : text
        guard ContainerID.isPrefix(hex) else { return [] }
        return all.filter { $0.descriptor.digest.hex.hasPrefix(hex) }
    }

    /// Forgets an image, unless a container or a mount needs it.
    ///
    /// - Parameter force: also when a container that has ended needs it: it cannot be started again without a registry then.
    /// - Throws: `IsUsed`, `DocumentError` or `HostError`.
    public func remove(_ image: Image, force: Bool, root: String) throws -> Leftover {
        for container in try Containers(root: root).all() where container.record.imageDigest == image.descriptor.digest.description {
            guard force, !container.isRunning else {
                throw IsUsed(
                    image: image.reference,
                    user: "container \(container.displayName)" + (container.isRunning ? ", which runs" : "; -f removes it all the same"))
            }
        }
        if let mount = try ImageMount.records(root: root).first(where: { $0.image == image.reference }) {
            throw IsUsed(image: image.reference, user: "`starling mount` at \(mount.directory)")
        }
        try remove(image)
        var leftover = try contents(of: image)
        for other in try all() {
            let kept = try contents(of: other)
            leftover.layers.subtract(kept.layers)
            leftover.diffIDs.subtract(kept.diffIDs)
        }
        return leftover
    }

    private func contents(of image: Image) throws -> Leftover {
        let config = try Documents.decode(ImageConfig.self, from: image.config, what: "configuration of \(image.reference)")
        return Leftover(layers: Set(try image.manifest().layers.map(\.digest)), diffIDs: Set(config.rootfs?.diffIDs ?? []))
    }
}
