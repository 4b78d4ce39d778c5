/// How long to wait before a request is repeated: 0.1 s doubling to 5 s, half of it by chance, or what the registry asks for, at most 30 s.
enum Backoff {
    static func wait(_ attempt: Int, retryAfter: String?) async {
        var milliseconds = min(5_000, 100 << min(attempt, 10))
        milliseconds = milliseconds / 2 + Int.random(in: 0...milliseconds / 2)
        if let seconds = retryAfter.flatMap({ Int($0) }), seconds >= 0 { milliseconds = min(seconds, 30) * 1000 }
        // Cancellation ends the wait; the next request then notices it.
        try? await Task.sleep(for: .milliseconds(milliseconds))
    }
}
