/// When something that is expected is likely to be read: places among what each file names, from the beginning of a program down, as of a tree that
/// is walked depth first. `[2, 0]` is the first thing that the third names, and comes before the fourth.
public struct ReadOrder: Comparable, Sendable {
    private let path: [UInt16]

    /// Before everything that was expected.
    public static let first = ReadOrder(path: [])
    /// After everything that was named.
    public static let last = ReadOrder(path: [.max])

    private init(path: [UInt16]) { self.path = path }

    /// The place of what is named at an index.
    public func child(_ index: Int) -> ReadOrder { ReadOrder(path: path + [UInt16(clamping: index)]) }

    /// Orders from the earliest to the latest.
    public static func < (left: ReadOrder, right: ReadOrder) -> Bool { left.path.lexicographicallyPrecedes(right.path) }
}
