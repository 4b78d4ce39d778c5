/// The records of pax extended headers (POSIX.1-2001, "pax Extended Header"): `LENGTH KEY=VALUE\n`, values are bytes.
struct PaxRecords {
    private(set) var values: [String: [UInt8]] = [:]

    /// Keys whose values are texts that must not hold a NUL, as Go's archive/tar demands.
    private static let texts: Set<String> = ["path", "linkpath", "uname", "gname"]

    init() {}

    /// Reads the payload of an `x` or `g` header; `offset` is the header's, for errors.
    init(_ payload: ArraySlice<UInt8>, offset: UInt64) throws(TarError) {
        var rest = payload
        while !rest.isEmpty {
            rest = try addRecord(rest, offset)
        }
    }

    private mutating func addRecord(_ rest: ArraySlice<UInt8>, _ offset: UInt64) throws(TarError) -> ArraySlice<UInt8> {
        func damaged(_ reason: String) -> TarError { .extendedHeader(reason: reason, offset: offset) }
        // Twenty digits cannot be a length that fits; without the bound a long run of digits would be scanned again and again.
        let digits = rest.prefix(20).prefix { $0 >= 0x30 && $0 <= 0x39 }
        guard let length = Int(String(decoding: digits, as: UTF8.self)), rest.dropFirst(digits.count).first == 0x20 else {
            throw damaged("a record does not begin with its length")
        }
        let headSize = digits.count + 1
        guard length > headSize, length <= rest.count else { throw damaged("a record's length is \(length)") }
        let record = rest.prefix(length).dropFirst(headSize)
        guard record.last == 0x0a else { throw damaged("a record does not end with a newline") }
        guard let equals = record.firstIndex(of: 0x3d), equals > record.startIndex else { throw damaged("a record has no key") }
        let key = String(decoding: record[..<equals], as: UTF8.self)
        let value = Array(record[(equals + 1)...].dropLast())
        if PaxRecords.texts.contains(key), value.contains(0) { throw damaged("\"\(key)\" holds a NUL") }
        values[key] = value
        return rest.dropFirst(length)
    }

    /// These records over `defaults`, the global ones.
    func over(_ defaults: PaxRecords) -> PaxRecords {
        guard !defaults.values.isEmpty else { return self }
        var result = defaults
        result.values.merge(values) { _, own in own }
        return result
    }

    /// Bytes of all keys and values.
    var size: Int { values.reduce(0) { $0 + $1.key.utf8.count + $1.value.count } }

    /// A record's value; nil when absent or empty, which means "as the header block says".
    func bytes(_ key: String) -> [UInt8]? {
        guard let value = values[key], !value.isEmpty else { return nil }
        return value
    }

    /// A record's value as a decimal number.
    func number(_ key: String, offset: UInt64) throws(TarError) -> Int64? {
        guard let value = bytes(key) else { return nil }
        guard let number = Int64(String(decoding: value, as: UTF8.self)) else {
            throw .extendedHeader(reason: "\"\(key)\" is not a number", offset: offset)
        }
        return number
    }

    /// A record's value as seconds with an optional fraction; digits beyond nanoseconds are dropped.
    func time(_ key: String, offset: UInt64) throws(TarError) -> TarEntry.Time? {
        guard let value = bytes(key) else { return nil }
        let parts = value.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? parts[1] : []
        guard let seconds = Int64(String(decoding: parts[0], as: UTF8.self)), fraction.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
            throw .extendedHeader(reason: "\"\(key)\" is not a time", offset: offset)
        }
        var nanoseconds: UInt32 = 0
        for index in 0..<9 {
            nanoseconds = nanoseconds * 10 + (index < fraction.count ? UInt32(fraction[fraction.startIndex + index] - 0x30) : 0)
        }
        // "-1.25" is a quarter of a second before -1: the nanoseconds of a Time always count forward.
        guard nanoseconds > 0, parts[0].first == UInt8(ascii: "-") else { return TarEntry.Time(seconds: seconds, nanoseconds: nanoseconds) }
        guard seconds > Int64.min else { throw .extendedHeader(reason: "\"\(key)\" is not a time", offset: offset) }
        return TarEntry.Time(seconds: seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds)
    }

    /// Extended attributes, by name.
    var xattrs: [String: [UInt8]] {
        let prefix = "SCHILY.xattr."
        var result: [String: [UInt8]] = [:]
        for (key, value) in values where key.hasPrefix(prefix) && key.utf8.count > prefix.utf8.count {
            result[String(key.dropFirst(prefix.count))] = value
        }
        return result
    }

    /// Whether GNU's sparse records are there.
    var isSparse: Bool { values.keys.contains { $0.hasPrefix("GNU.sparse.") } }
}
