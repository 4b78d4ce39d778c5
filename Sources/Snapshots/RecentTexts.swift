/// Texts that were seen lately, the oldest of which are forgotten.
struct RecentTexts {
    private var known: Set<String> = []
    private var order: [String] = []
    private let limit: Int

    /// - Parameter limit: how many are remembered.
    init(limit: Int) { self.limit = limit }

    /// True when the text is not remembered, which it is from now on.
    mutating func insert(_ text: String) -> Bool {
        guard known.insert(text).inserted else { return false }
        order.append(text)
        if order.count > limit { known.remove(order.removeFirst()) }
        return true
    }
}
