extension Duration {
    /// Reads a time as Go writes it: `1s`, `500ms`, `1m30s`, `1.5h`; nil for anything else, and for less than nothing.
    init?(text: String) {
        let units: [(name: String, nanoseconds: Double)] = [
            ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
        ]
        var nanoseconds = 0.0
        var rest = text[...]
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { !$0.isNumber && $0 != "." }
            rest = rest.dropFirst(name.count)
            guard let value = Double(digits), let unit = units.first(where: { $0.name == name }) else { return nil }
            nanoseconds += value * unit.nanoseconds
        }
        // Beyond this, which is 292 years, the number does not fit; nobody waits that long.
        guard !text.isEmpty, nanoseconds < 9e18 else { return nil }
        self = .nanoseconds(Int64(nanoseconds))
    }
}
