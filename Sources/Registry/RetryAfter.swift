internal import Glibc

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
enum RetryAfter {
    /// Longest wait that is granted, whatever the registry asks for: somebody waits for the bytes.
    static let longest = Duration.seconds(30)

    /// How long a header asks to wait from `now` (seconds since 1970) on, at most `longest`; nil when it says nothing.
    static func duration(_ header: String?, now: Int = time(nil)) -> Duration? {
        guard let header else { return nil }
        let seconds = Int(header) ?? date(header).map { $0 - now }
        return seconds.map { min(.seconds(max(0, min($0, 3600))), longest) }
    }

    // Only the one form that servers must write: `Sun, 06 Nov 1994 08:49:37 GMT`.
    private static func date(_ text: String) -> Int? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let day = Int32(parts[1]), let year = Int32(parts[3]), (1970...9999).contains(year),
            let month = months.firstIndex(of: parts[2])
        else { return nil }
        let clock = parts[4].split(separator: ":").compactMap { Int32($0) }
        guard clock.count == 3 else { return nil }
        var fields = tm()
        (fields.tm_year, fields.tm_mon, fields.tm_mday) = (year - 1900, Int32(month), day)
        (fields.tm_hour, fields.tm_min, fields.tm_sec) = (clock[0], clock[1], clock[2])
        return timegm(&fields)
    }

    private static let months: [Substring] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
