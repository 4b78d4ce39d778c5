/// A start in the Trace Event Format (JSON Object Format), which chrome://tracing and Perfetto show.
public enum ChromeTrace {
    private struct Document: Encodable {
        let traceEvents: [Event]
        let displayTimeUnit = "ms"
        let otherData: [String: String]
    }

    /// `X` is a complete event, `i` an instant, `M` the name of a process or a thread; times in microseconds.
    private struct Event: Encodable {
        var name: String
        var cat: String?
        var ph: String
        var ts: UInt64 = 0
        var dur: UInt64?
        var pid = 1
        var tid: Int
        var s: String?
        var args: [String: String] = [:]
    }

    /// Threads of the viewer: groups of a thousand, so that what overlaps gets lines of its own.
    private enum Group: Int, CaseIterable {
        case steps = 1, requests, reads, moments

        var name: String { "\(self)" }
    }

    /// Writes the document.
    public static func write(_ timeline: StartTimeline) throws -> [UInt8] {
        var events: [Event] = [Event(name: "process_name", ph: "M", tid: 0, args: ["name": "starling run \(timeline.image)"])]
        add(.steps, timeline.spans.map(event), &events)
        add(.requests, timeline.requests.map(event), &events)
        add(.reads, timeline.reads.map(event), &events)
        for (mark, time) in timeline.marks.sorted(by: { $0.value < $1.value }) {
            events.append(Event(name: mark.rawValue, ph: "i", ts: time, tid: Group.moments.rawValue * 1000, s: "g"))
        }
        let document = Document(traceEvents: events, otherData: ["image": timeline.image, "mode": timeline.mode])
        return try JSONText.write(document)
    }

    private static func add(_ group: Group, _ added: [Event], _ events: inout [Event]) {
        var ends: [UInt64] = []
        for event in added {
            let line = ends.firstIndex { $0 <= event.ts } ?? ends.count
            if line == ends.count {
                ends.append(0)
                events.append(
                    Event(name: "thread_name", ph: "M", tid: group.rawValue * 1000 + line, args: ["name": "\(group.name) \(line + 1)"]))
            }
            ends[line] = event.ts + (event.dur ?? 0)
            var placed = event
            placed.tid = group.rawValue * 1000 + line
            events.append(placed)
        }
    }

    private static func event(_ span: TraceSpan) -> Event {
        var args = span.detail.map { ["detail": $0] } ?? [:]
        args["layer"] = span.layer
        return Event(
            name: span.name, cat: span.lane.rawValue, ph: "X", ts: span.start, dur: span.end - min(span.start, span.end), tid: 0, args: args
        )
    }

    private static func event(_ request: StartTimeline.Request) -> Event {
        let facts = request.request
        var args = ["bytes": "\(facts.bytes)", "subject": facts.subject, "host": facts.host]
        args["range"] = facts.range
        args["status"] = facts.status.map(String.init)
        args["failure"] = facts.failure
        args["firstByte"] = facts.firstByte.map { "\($0 - min($0, facts.start)) us" }
        return Event(
            name: request.purpose.rawValue, cat: "request", ph: "X", ts: facts.start, dur: facts.end - min(facts.start, facts.end), tid: 0,
            args: args)
    }

    private static func event(_ read: StartTimeline.Read) -> Event {
        let args = ["why": read.why, "read": WhyReport.file(read.read), "layer": "\(read.layer + 1)", "program": read.read.program ?? ""]
        return Event(
            name: read.read.files.first?.path ?? "read", cat: read.read.cause.rawValue, ph: "X", ts: read.read.start, dur: read.read.wait,
            tid: 0, args: args)
    }
}
