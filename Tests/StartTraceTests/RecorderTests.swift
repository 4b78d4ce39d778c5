import Testing

@testable import StartTrace

@Suite("Recorder of a start")
struct RecorderTests {
    @Test("what comes when there is no room is counted and not kept")
    func bounded() {
        var limits = TraceRecorder.Limits()
        (limits.reads, limits.requests, limits.spans) = (2, 1, 1)
        let recorder = TraceRecorder(limits: limits)
        for _ in 0..<3 {
            recorder.begin(.resolve, "step").end()
            RequestTrace(recorder, .blob, "x", host: "h").ended(status: 200)
            let range = RangeTrace(recorder, of: "l", extent: 0...0, cause: .demand)
            let read = ReadTrace(recorder, of: "l", ReadPlace(offset: 0, size: 1))
            read.waits(for: [range], andJoins: [])
            read.ended(isFailed: false, program: nil)
        }
        let events = recorder.events
        #expect(events.spans.count == 1 && events.leftOut.spans == 2)
        #expect(events.requests.count == 1 && events.leftOut.requests == 2)
        #expect(events.reads.count == 2 && events.leftOut.reads == 1)
    }

    @Test("a moment is the first of its kind, the exit the last")
    func marks() throws {
        let recorder = TraceRecorder()
        recorder.mark(.firstOutput)
        let first = try #require(recorder.events.marks[.firstOutput])
        while recorder.now <= first {}
        recorder.mark(.firstOutput)
        recorder.markExit(3)
        recorder.markExit(4)
        #expect(recorder.events.marks[.firstOutput] == first)
        #expect(recorder.events.exitStatus == 4)
    }

    @Test("a read that had nothing to wait for in the end is none")
    func nothingToWaitFor() {
        let recorder = TraceRecorder()
        ReadTrace(recorder, of: "l", ReadPlace(offset: 0, size: 1)).ended(isFailed: false, program: nil)
        #expect(recorder.events.reads.isEmpty)
    }

    @Test("each attempt of a range is taken down with its number, and the read that waited for it was asked again")
    func attempts() {
        let recorder = TraceRecorder()
        let range = RangeTrace(recorder, of: "l", extent: 3...4, cause: .demand)
        let read = ReadTrace(recorder, of: "l", ReadPlace(offset: 0, size: 1))
        read.waits(for: [range], andJoins: [])
        range.began(0..<100, isFront: false)
        range.ended("connection cut")
        range.began(50..<100, isFront: false)
        range.ended(nil)
        read.ended(isFailed: false, program: "sh")
        let events = recorder.events
        #expect(events.ranges.map(\.attempt) == [1, 2])
        #expect(events.ranges.map(\.failure) == ["connection cut", nil])
        #expect(events.ranges.map(\.bytes) == [0...99, 50...99])
        #expect(events.reads.first?.cause == .retried && events.reads.first?.program == "sh")
    }

    @Test("what is kept of a start is read as it was written, and nothing else is read")
    func kept() throws {
        let record = RecordFixture.record()
        #expect(try StartRecord(encoded: record.encoded()) == record)
        #expect(throws: StartRecord.NoRecord.self) { try StartRecord(encoded: Array("{}".utf8)) }
        var other = record
        other.version = 2
        let bytes = try other.encoded()
        #expect(throws: StartRecord.NoRecord.self) { try StartRecord(encoded: bytes) }
    }
}

@Suite("Why a read waited")
struct WaitCauseTests {
    @Test(
        "a cause is what made the most of the wait",
        arguments: [
            (WaitCause.Facts(hasStarted: true, joined: [], wait: 90_000, queued: 0, attempts: 1, isFailed: false), WaitCause.miss),
            (WaitCause.Facts(hasStarted: true, joined: [.prefetch], wait: 90_000, queued: 0, attempts: 1, isFailed: false), .miss),
            (WaitCause.Facts(hasStarted: false, joined: [.prediction], wait: 90_000, queued: 0, attempts: 1, isFailed: false), .onItsWay),
            (WaitCause.Facts(hasStarted: false, joined: [.demand], wait: 90_000, queued: 0, attempts: 1, isFailed: false), .neighbour),
            (WaitCause.Facts(hasStarted: true, joined: [], wait: 90_000, queued: 50_000, attempts: 1, isFailed: false), .queued),
            (WaitCause.Facts(hasStarted: true, joined: [], wait: 4_000, queued: 3_000, attempts: 1, isFailed: false), .miss),
            (WaitCause.Facts(hasStarted: true, joined: [], wait: 90_000, queued: 50_000, attempts: 2, isFailed: false), .retried),
            (WaitCause.Facts(hasStarted: true, joined: [], wait: 90_000, queued: 0, attempts: 2, isFailed: true), .failed),
        ])
    func cause(facts: WaitCause.Facts, cause: WaitCause) { #expect(WaitCause(facts) == cause) }
}
