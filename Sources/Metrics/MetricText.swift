/// Families as Prometheus' text format 0.0.4 has them.
public enum MetricText {
    /// Value of the header `Content-Type`.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The text; families without samples are left out.
    public static func write(_ families: [MetricFamily]) -> String {
        var text = ""
        for family in families where !family.samples.isEmpty {
            text += "# HELP \(family.name) \(escaped(family.help, quotes: false))\n# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples { write(sample, family.name, &text) }
        }
        return text
    }

    private static func write(_ sample: MetricSample, _ name: String, _ text: inout String) {
        switch sample.value {
        case .number(let number): text += "\(name)\(labels(sample.labels)) \(written(number))\n"
        case .histogram(let histogram):
            // In the text a class holds all smaller ones, too.
            var sum: UInt64 = 0
            for (bound, count) in zip(histogram.bounds.map(written) + ["+Inf"], histogram.counts) {
                sum += count
                text += "\(name)_bucket\(labels(sample.labels + [MetricSample.Label(name: "le", value: bound)])) \(sum)\n"
            }
            text += "\(name)_sum\(labels(sample.labels)) \(written(histogram.sum))\n"
            text += "\(name)_count\(labels(sample.labels)) \(sum)\n"
        }
    }

    private static func labels(_ labels: [MetricSample.Label]) -> String {
        guard !labels.isEmpty else { return "" }
        return "{" + labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }.joined(separator: ",") + "}"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }

    /// Whole numbers without a fraction, as far as a Double tells them apart.
    private static func written(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number > 0 ? "+Inf" : "-Inf" }
        return number == number.rounded() && number.magnitude < 9_007_199_254_740_992 ? "\(Int64(number))" : "\(number)"
    }
}
