import Testing

@testable import StartTrace

@Suite("A start made ready to be shown")
struct TimelineTests {
    private func purposes(_ record: StartRecord) -> [StartTimeline.Purpose] { StartTimeline(record).requests.map(\.purpose) }

    @Test("requests get the purpose of the ranges that the engine wanted, and of what they are")
    func purposes() {
        #expect(purposes(RecordFixture.record()) == [.resolve, .resolve, .opening, .demand])
        let others = RecordFixture.record { record in
            record.events.requests = [
                RecordFixture.request(.token, "repository:x:pull", nil, 0...1),
                RecordFixture.request(.blob, RecordFixture.layer, 0...999, 1...2),
                RecordFixture.request(.blob, RecordFixture.layer, 5000...5999, 10...20),
            ]
            record.events.ranges = [RecordFixture.range(4, .prediction, 5000...5999, queued: 3, 9...20)]
        }
        #expect(purposes(others) == [.token, .prefetch, .prediction])
        let plain = RecordFixture.record { $0.layers[0].format = nil }
        #expect(purposes(plain)[2] == .pull)
    }

    @Test("a range that two hosts gave, the second what the first did not, belongs to both requests")
    func twoHosts() {
        let record = RecordFixture.record { record in
            record.events.requests = [
                RecordFixture.request(.blob, RecordFixture.layer, 1000...1999, 10...20, failure: "cut"),
                RecordFixture.request(.blob, RecordFixture.layer, 1500...1999, 20...30),
                RecordFixture.request(.blob, RecordFixture.layer, 1000...1999, 50...60),
            ]
            record.events.ranges = [
                RecordFixture.range(1, .demand, 1000...1999, queued: 4, 9...30),
                RecordFixture.range(2, .background, 1000...1999, queued: 40, 49...60),
            ]
        }
        let requests = StartTimeline(record).requests
        #expect(requests.map(\.ranges) == [[1], [1], [2]])
        #expect(requests.map(\.purpose) == [.demand, .demand, .background])
        #expect(requests.map(\.queued) == [5, 5, 9])
    }

    @Test("the parts of the time add up to the first output, and time in which several reads waited counts once")
    func parts() {
        let record = RecordFixture.record { record in
            record.events.reads = [
                RecordFixture.read(500_000...600_000), RecordFixture.read(550_000...650_000), RecordFixture.read(980_000...990_000),
                RecordFixture.read(380_000...410_000),
            ]
        }
        let summary = StartTimeline(record).summary
        #expect(summary.parts.reduce(0) { $0 + $1.time } == 900_000)
        #expect(summary.waitUnion == 180_000 && summary.waitsBefore == 3)
        let times = Dictionary(uniqueKeysWithValues: summary.parts.map { ($0.kind, $0.time) })
        #expect(times[.preparing] == 10_000 && times[.resolving] == 90_000 && times[.opening] == 200_000)
        #expect(times[.bundle] == 80_000 && times[.runtime] == 40_000 && times[.waiting] == 180_000 && times[.program] == 300_000)
    }

    @Test("of a start that was not seen to its first output the end is taken, and nothing at all is a start, too")
    func partial() {
        let record = RecordFixture.record { $0.events.marks = [:] }
        let summary = StartTimeline(record).summary
        #expect(summary.firstOutput == nil && summary.end == 1_000_000)
        #expect(summary.parts.reduce(0) { $0 + $1.time } == 1_000_000)
        let empty = StartTimeline(StartRecord(image: "x", command: [], arguments: [], mode: "fuse", layers: [], events: TraceEvents()))
        #expect(empty.summary.parts.isEmpty && empty.requests.isEmpty)
    }

    @Test("of very many reads those are shown that waited longest, and the others are counted")
    func manyReads() {
        let record = RecordFixture.record { record in
            record.events.reads = (0..<5_000).map { RecordFixture.read(UInt64($0)...UInt64(3 * $0)) }
        }
        let timeline = StartTimeline(record)
        #expect(timeline.reads.count == StartTimeline.mostReads && timeline.leftOut.reads == 3_000)
        #expect(timeline.reads.allSatisfy { $0.read.wait >= 6_000 })
    }

    @Test("advice names the command, for a shell, and another one for an image that was optimized")
    func advice() throws {
        let advice = StartTimeline(RecordFixture.record()).advice
        #expect(advice.count == 1)
        #expect(
            advice[0].command
                == #"starling optimize registry.example/python:3 registry.example/python:3-opt -- python3 -c 'print('\''a'\'')'"#)
        let optimized = StartTimeline(RecordFixture.record { $0.layers[0].landmark = 5_000 }).advice
        #expect(optimized.first?.text.contains("not for these reads") == true)
        let slow = StartTimeline(
            RecordFixture.record { record in
                record.layers[0].landmark = 5_000
                record.events.reads = [RecordFixture.read(100_000...600_000, .onItsWay)]
            }
        ).advice
        #expect(slow.map(\.command) == [nil] && slow[0].text.contains("asked for before"))
        let plain = StartTimeline(RecordFixture.record { $0.layers[0].format = nil }).advice
        #expect(plain.first?.command == "starling convert registry.example/python:3 registry.example/python:3-esgz")
        let quick = StartTimeline(RecordFixture.record { $0.events.reads = [] }).advice
        #expect(quick.map(\.command) == [nil] && quick[0].text.contains("nothing is left to gain"))
    }

    @Test("the report of --why has the longest waits first, each with what was waited for")
    func why() {
        let record = RecordFixture.record { record in
            record.events.reads.append(RecordFixture.read(600_000...640_000, of: "/lib/a b.so", .onItsWay))
        }
        let lines = WhyReport.text(StartTimeline(record)).split(separator: "\n").map(String.init)
        #expect(
            lines[0]
                == "first output after 900 ms: getting ready 10 ms, finding out what the image is 90 ms, opening the layers 200 ms, preparing the "
                + "container 100 ms, the OCI runtime 50 ms, reads that waited 140 ms, the program itself 310 ms")
        #expect(lines[1] == "fetched 801 KB of 80.0 MB in 4 requests; 2 of 20 reads waited; came ahead: 300 KB read, 100 KB not (yet)")
        #expect(
            lines[3] == "    100 ms  /usr/bin/python3, bytes 0-4095 (layer 1): miss: 300 KB asked of the registry, first byte after 40 ms")
        #expect(lines[4] == "     40 ms  '/lib/a b.so', bytes 0-4095 (layer 1): on its way already, by prefetch: a range")
    }
}
