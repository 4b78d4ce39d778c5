internal import Glibc

/// Times as containerd's labels have them.
enum RFC3339 {
    /// A time in UTC, such as `2026-11-24T15:04:05Z`.
    static func text(secondsFromNow: Int) -> String {
        var moment = time(nil) + secondsFromNow
        var parts = tm()
        gmtime_r(&moment, &parts)
        let date = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        return "\(date)T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
    }

    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
