/// The line of a terminal that shows how far something is, drawn again and again.
struct MovingLine {
    private var isDrawn = false

    /// Draws a bar with a text behind it.
    mutating func draw(_ done: Int64, of total: Int64, _ text: String) {
        guard total > 0 else { return }
        let filled = Int(min(30, 30 * done / total))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
        Terminal.show("\r[\(bar)] \(text)\u{1b}[K")
        isDrawn = true
    }

    /// Leaves the terminal's line clean.
    mutating func clear() {
        if isDrawn { Terminal.show("\r\u{1b}[K") }
        isDrawn = false
    }
}
