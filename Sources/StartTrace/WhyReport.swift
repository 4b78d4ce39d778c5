/// `--why`: the reads that cost most, in lines.
public enum WhyReport {
    /// How many reads are told.
    public static let mostReads = 10

    /// The report; ends with a line break.
    public static func text(_ timeline: StartTimeline) -> String {
        let summary = timeline.summary
        var lines: [String] = []
        let first = summary.firstOutput.map { "first output after \(Quantity.time($0))" } ?? "ended after \(Quantity.time(summary.end))"
        let parts = summary.parts.map { "\($0.kind.words) \(Quantity.time($0.time))" }.joined(separator: ", ")
        lines.append("\(first): \(parts)")
        lines.append(
            "fetched \(Quantity.bytes(summary.fetchedBytes)) of \(Quantity.bytes(summary.imageBytes)) in "
                + "\(Quantity.count(summary.requests, "request")); \(summary.waits) of \(Quantity.count(summary.reads, "read")) waited; came ahead: "
                + "\(Quantity.bytes(summary.hitBytes)) read, \(Quantity.bytes(summary.wasteBytes)) not (yet)")
        let costliest = timeline.costliest(mostReads)
        if !costliest.isEmpty { lines.append("the reads that cost most:") }
        for read in costliest { lines.append(line(read)) }
        for advice in timeline.advice {
            lines.append(advice.text)
            if let command = advice.command { lines.append("  \(command)") }
        }
        return lines.map { "\($0)\n" }.joined()
    }

    private static func line(_ read: StartTimeline.Read) -> String {
        let time = Quantity.time(read.read.wait)
        let padding = String(repeating: " ", count: max(0, 8 - time.count))
        return "  \(padding)\(time)  \(file(read.read)) (layer \(read.layer + 1)): \(read.why)"
    }

    /// `/usr/bin/python3.11, bytes 0-131071 and 3 more files`.
    static func file(_ read: TraceRead) -> String {
        guard let file = read.files.first else {
            return "content \(read.place.offset)-\(read.place.offset + UInt64(max(1, read.place.size)) - 1)"
        }
        let range = file.size >= file.fileSize ? "whole" : "bytes \(file.offset)-\(file.offset + max(1, file.size) - 1)"
        let more = read.files.count > 1 ? " and \(Quantity.count(read.files.count - 1, "more file"))" : ""
        return "\(Shell.quoted(file.path)), \(range)\(more)"
    }
}
