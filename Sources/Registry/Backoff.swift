/// How long to wait before a request is repeated: 0.1 s doubling to 5 s, half of it by chance, or what the registry asks for.
enum Backoff {
    static func wait(_ attempt: Int, retryAfter: String?) async { await wait(attempt, RetryAfter.duration(retryAfter)) }

    static func wait(_ attempt: Int, _ wanted: Duration?) async {
        var milliseconds = min(5_000, 100 << min(attempt, 10))
        milliseconds = milliseconds / 2 + Int.random(in: 0...milliseconds / 2)
        // Cancellation ends the wait; the next request then notices it.
        try? await Task.sleep(for: wanted ?? .milliseconds(milliseconds))
    }
}
