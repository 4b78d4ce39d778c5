/// Which images of an index are meant.
public enum PlatformChoice: Sendable, Equatable {
    /// The one for this machine.
    case current
    /// These, each of which must be there.
    case listed([Platform])
    /// All; attestations and what has an unknown platform are no images.
    case all

    /// The manifests of an index that are meant, each once.
    ///
    /// - Parameter source: the image as the user named it, for the error.
    public func manifests(in index: Index, of source: String) throws(PlatformImageError) -> [Descriptor] {
        let wanted: [Platform]
        switch self {
        case .all: return index.manifests.filter { MediaType.isManifest($0.mediaType) && $0.platform?.os != "unknown" }
        case .current: wanted = [.current]
        case .listed(let platforms): wanted = platforms
        }
        var chosen: [Descriptor] = []
        for platform in wanted {
            guard let descriptor = index.manifest(for: platform) else {
                throw PlatformImageError(source: source, wanted: platform, index: index)
            }
            if !chosen.contains(descriptor) { chosen.append(descriptor) }
        }
        return chosen
    }

    /// Checks an image that was found without an index: it is what the user named, and only platforms that are asked for can contradict it.
    ///
    /// - Parameter source: the image as the user named it, for the error.
    public func check(_ config: ImageConfig, of source: String) throws(PlatformImageError) {
        guard case .listed(let wanted) = self, let os = config.os, let architecture = config.architecture else { return }
        let offered = Platform(os: os, architecture: architecture, variant: config.variant)
        if let missing = wanted.first(where: { !$0.matches(offered) }) {
            throw PlatformImageError(source: source, wanted: missing, available: [offered.description])
        }
    }
}
