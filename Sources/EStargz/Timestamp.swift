/// RFC 3339 times as TOCs carry them, without a calendar library: the proleptic Gregorian calendar in closed form.
extension TOCEntry.Time {
    /// Parses `2023-11-14T22:13:20[.fraction](Z|±hh:mm)`; nil for anything else.
    init?(rfc3339 text: UnsafeRawBufferPointer) {
        func number(_ start: Int, _ count: Int) -> Int64? {
            guard start + count <= text.count else { return nil }
            var value: Int64 = 0
            for byte in text[start..<start + count] {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        guard let year = number(0, 4), let month = number(5, 2), let day = number(8, 2), let hour = number(11, 2),
            let minute = number(14, 2),
            let second = number(17, 2), (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60,
            text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"), text[10] == UInt8(ascii: "T"), text[13] == UInt8(ascii: ":"),
            text[16] == UInt8(ascii: ":")
        else { return nil }
        var index = 19
        var nanoseconds: UInt32 = 0
        if index < text.count, text[index] == UInt8(ascii: ".") {
            index += 1
            var scale: UInt32 = 100_000_000
            while index < text.count, case let digit = text[index] &- 0x30, digit < 10 {
                nanoseconds += UInt32(digit) * scale
                scale /= 10
                index += 1
            }
        }
        var offset: Int64 = 0
        guard index < text.count else { return nil }
        if text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-") {
            guard text.count == index + 6, let hours = number(index + 1, 2), let minutes = number(index + 4, 2) else { return nil }
            offset = (hours * 60 + minutes) * 60 * (text[index] == UInt8(ascii: "-") ? -1 : 1)
        } else {
            guard text[index] == UInt8(ascii: "Z"), text.count == index + 1 else { return nil }
        }
        let days = TOCEntry.Time.daysSince1970(year: year, month: month, day: day)
        self.init(seconds: days * 86_400 + hour * 3_600 + minute * 60 + second - offset, nanoseconds: nanoseconds)
    }

    /// `2023-11-14T22:13:20Z`, with nine digits of fraction when there is one; nil outside the years 0 to 9999.
    var rfc3339: String? {
        // A tar's seconds are any 64-bit number; the calendar is only computed where it has four digits, 100 centuries around 1970.
        guard abs(seconds.quotientAndRemainder(dividingBy: 86_400).quotient) < 10_000 * 366 else { return nil }
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let (year, month, day) = TOCEntry.Time.civil(daysSince1970: days)
        guard (0...9999).contains(year) else { return nil }
        let second = seconds - days * 86_400
        func padded(_ value: Int64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        let time = "\(padded(second / 3_600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
        return date + "T" + time + (nanoseconds == 0 ? "" : "." + padded(Int64(nanoseconds), 9)) + "Z"
    }

    // Years are counted from March, so that the leap day is the last of its year; eras of 400 years have 146,097 days;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(daysSince1970 days: Int64) -> (Int64, Int64, Int64) {
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}
