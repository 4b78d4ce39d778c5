/// Writes a tree as an EROFS image: plan, layout, emit. Same tree, same bytes.
public enum EROFSWriter {
    /// The image's bytes.
    ///
    /// - Throws: `EROFSError.tooLarge` for what the format cannot express.
    public static func image(of tree: EROFSTree) throws(EROFSError) -> [UInt8] {
        let plan = EROFSPlan(tree)
        let layout = try EROFSLayout(tree, plan)
        return EROFSEmitter(tree: tree, plan: plan, layout: layout).image()
    }
}

/// Why a tree cannot be written, or bytes are not an image.
public enum EROFSError: Error, Equatable, CustomStringConvertible {
    /// Beyond what the format can express.
    case tooLarge(String)
    /// Not an image, or a damaged one.
    case damaged(String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .tooLarge(let what): "EROFS: \(what)"
        case .damaged(let reason): "EROFS image: \(reason)"
        }
    }
}
