@testable import StartTrace

/// A start that is made up: one lazy layer of 80 MB, opened, with a read that missed and one that found its bytes on their way.
enum RecordFixture {
    static let layer = "sha256:" + String(repeating: "a", count: 64)
    static let config = "sha256:" + String(repeating: "c", count: 64)
    static let size: UInt64 = 80_000_000

    static func request(
        _ kind: TraceRequest.Kind, _ subject: String, _ bounds: ClosedRange<UInt64>?, _ time: ClosedRange<UInt64>,
        firstByte: UInt64? = nil, bytes: UInt64 = 0, status: Int? = 206, failure: String? = nil
    ) -> TraceRequest {
        var request = TraceRequest(
            kind: kind, subject: subject, host: "registry.example", range: bounds.map { "bytes=\($0.lowerBound)-\($0.upperBound)" },
            start: time.lowerBound)
        (request.end, request.firstByte, request.bytes) = (time.upperBound, firstByte, bytes)
        (request.status, request.failure) = (failure == nil ? status : nil, failure)
        return request
    }

    static func range(
        _ id: Int, _ cause: FetchCause, _ bytes: ClosedRange<UInt64>, queued: UInt64, _ time: ClosedRange<UInt64>, failure: String? = nil
    ) -> TraceRange {
        var range = TraceRange(id: id, layer: layer, extent: 0...0, cause: cause, queued: queued)
        (range.bytes, range.start, range.end, range.failure) = (bytes, time.lowerBound, time.upperBound, failure)
        return range
    }

    static func read(
        _ time: ClosedRange<UInt64>, of path: String = "/usr/bin/python3", _ cause: WaitCause = .miss, ranges: [Int] = []
    ) -> TraceRead {
        TraceRead(
            layer: layer, place: ReadPlace(offset: 0, size: 4096, process: 7), program: "python3", start: time.lowerBound,
            end: time.upperBound, cause: cause, queued: 0, attempts: 1, ranges: ranges, isFailed: false,
            files: [TraceRead.FilePart(path: path, offset: 0, size: 4096, fileSize: 6_000_000)])
    }

    static func span(_ lane: TraceSpan.Lane, _ name: String, _ time: ClosedRange<UInt64>) -> TraceSpan {
        TraceSpan(lane: lane, name: name, detail: nil, layer: nil, start: time.lowerBound, end: time.upperBound)
    }

    static func record(_ change: (inout StartRecord) -> Void = { _ in }) -> StartRecord {
        var events = TraceEvents()
        events.duration = 1_000_000
        events.spans = [
            span(.resolve, "manifest", 10_000...100_000), span(.layers, "open", 100_000...300_000),
            span(.container, "write bundle", 300_000...350_000),
        ]
        events.requests = [
            request(.manifest, "3", nil, 10_000...100_000, firstByte: 99_000, bytes: 600, status: 200),
            request(.blob, config, 0...421, 100_000...150_000, firstByte: 149_000, bytes: 422),
            request(.blob, layer, 79_500_000...79_999_999, 100_000...200_000, firstByte: 150_000, bytes: 500_000),
            request(.blob, layer, 1000...300_999, 500_010...600_000, firstByte: 540_000, bytes: 300_000),
        ]
        events.ranges = [range(0, .demand, 1000...300_999, queued: 499_000, 500_000...600_000)]
        events.reads = [read(500_000...600_000, ranges: [0])]
        events.marks = [.runtime: 400_000, .program: 450_000, .firstOutput: 900_000, .exit: 950_000]
        events.exitStatus = 0
        var known = TraceLayer(digest: layer, size: size, format: "estargz")
        (known.reads, known.waits, known.hitBytes, known.wasteBytes) = (20, 1, 300_000, 100_000)
        var record = StartRecord(
            image: "registry.example/python:3", command: ["python3", "-c", "print('a')"],
            arguments: ["python3", "-c", "print('a')"], mode: "native", layers: [known], events: events)
        change(&record)
        return record
    }
}
