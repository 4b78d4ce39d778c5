/// Which image of a docker archive is meant, as skopeo spells it.
public enum DockerArchiveImage: Hashable, Sendable, CustomStringConvertible {
    /// `REF`: the image that has that tag.
    case tagged(Reference)
    /// `@N`: the image at that place in the archive, from 0 on.
    case position(Int)

    /// Parses `REF` or `@N`.
    ///
    /// - Throws: `ReferenceError`, also for a digest: an archive knows its images by tags.
    init(parsing text: String) throws {
        if text.hasPrefix("@"), let position = Int(text.dropFirst()), position >= 0 {
            self = .position(position)
            return
        }
        let reference = try Reference(parsing: text)
        guard reference.digest == nil else { throw ReferenceError(text: text, reason: "a docker archive knows its images by tags only") }
        self = .tagged(reference)
    }

    /// What is put behind the file's name and a colon.
    public var description: String {
        switch self {
        case .tagged(let reference): reference.description
        case .position(let position): "@\(position)"
        }
    }
}

/// Chooses one of an archive's images.
struct DockerArchiveChoice {
    /// For messages.
    let path: String
    let wanted: DockerArchiveImage?

    /// Whether names matter.
    var isByTag: Bool {
        if case .tagged = wanted { true } else { false }
    }

    /// The image that is wanted, or the only one.
    ///
    /// - Parameter tags: of each image, as the archive has them: short or full names, none at all, or what is no name.
    /// - Returns: the image's place.
    func position(_ tags: [[String]]) throws(LayoutError) -> Int {
        let known = tags.enumerated().flatMap { $1.isEmpty ? ["@\($0)"] : $1 }
        switch wanted {
        case nil:
            guard !tags.isEmpty else { throw .notAnArchive(path: path, reason: "it lists no image") }
            guard tags.count == 1 else { throw .ambiguous(path: path, known: known) }
            return 0
        case .position(let position):
            guard position < tags.count else { throw .noImage(path: path, tag: "@\(position)", known: known) }
            return position
        case .tagged(let reference):
            // What is no reference is nobody's name.
            let found = tags.lastIndex { $0.contains { (try? Reference(parsing: $0)) == reference } }
            guard let found else { throw .noImage(path: path, tag: reference.description, known: known) }
            return found
        }
    }
}
