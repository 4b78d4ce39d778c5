/// A limit of bytes per second: a pure value. Whoever takes may overdraw it once; then nobody takes until the debt is paid.
struct TokenBucket {
    private let bytesPerSecond: Double
    private var balance: Double
    private var counted: ContinuousClock.Instant

    /// Seconds of unused bytes that are saved up.
    private static let saved = 0.25

    init(bytesPerSecond: UInt64, at now: ContinuousClock.Instant) {
        self.bytesPerSecond = Double(max(1, bytesPerSecond))
        balance = self.bytesPerSecond * TokenBucket.saved
        counted = now
    }

    /// Bytes that a piece should have at most, so that the flow stays even.
    var largestPiece: UInt64 { max(64 << 10, UInt64(bytesPerSecond)) }

    /// When something may be taken: now, or later.
    func opening(at now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        let balance = balance(at: now)
        return balance > 0 ? now : now + .seconds(min(-balance / bytesPerSecond, 3600) + 0.001)
    }

    mutating func take(_ bytes: UInt64, at now: ContinuousClock.Instant) {
        balance = balance(at: now) - Double(bytes)
        counted = now
    }

    private func balance(at now: ContinuousClock.Instant) -> Double {
        min(balance + (counted.duration(to: now) / .seconds(1)) * bytesPerSecond, bytesPerSecond * TokenBucket.saved)
    }
}
