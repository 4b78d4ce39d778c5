import FoundationEssentials
import Testing

@testable import StartTrace

@Suite("A start as a page, and for Chrome")
struct PageTests {
    private func page(_ record: StartRecord = RecordFixture.record()) throws -> String {
        String(decoding: try TracePage.write(StartTimeline(record)), as: UTF8.self)
    }

    /// What stands between two texts, the first of each.
    private func part(of page: String, from start: String, to end: String) throws -> Substring {
        let begin = try #require(page.firstRange(of: start)).upperBound
        let rest = page[begin...]
        return rest[..<(try #require(rest.firstRange(of: end))).lowerBound]
    }

    private struct PageData: Decodable {
        struct Read: Decodable {
            struct Facts: Decodable {
                struct File: Decodable { var path: String }
                var files: [File]
                var cause: String
            }
            var read: Facts
            var why: String
        }
        var image: String
        var reads: [Read]
        var marks: [String: Int]
    }

    private func data(_ page: String) throws -> PageData {
        let json = try part(of: page, from: #"<script type="application/json" id="trace">"#, to: "</script>")
        return try JSONDecoder().decode(PageData.self, from: Data(json.utf8))
    }

    @Test("the page needs nothing but itself")
    func selfContained() throws {
        let page = try page()
        for word in ["src=", "href=", "url(", "@import", "import(", "fetch(", "XMLHttpRequest", "http://", "https://", "<link", "<iframe"] {
            #expect(!page.contains(word), "\(word)")
        }
        #expect(page.hasPrefix("<!DOCTYPE html>") && page.hasSuffix("</html>\n"))
        for tag in ["html", "head", "body", "style", "main"] { #expect(page.ranges(of: "</\(tag)>").count == 1, "\(tag)") }
    }

    @Test("the data in the page is the start's, whatever its files are called")
    func names() throws {
        let names = ["</script><script>alert(1)</script>", "<!-- <script>", "a\u{2028}b\"\\", "ü/\u{7f}"]
        let record = RecordFixture.record { record in
            record.image = names[0]
            record.events.reads = names.enumerated().map { RecordFixture.read(UInt64($0)...UInt64($0 + 9), of: $1) }
        }
        let page = try page(record)
        let data = try data(page)
        #expect(data.image == names[0])
        #expect(data.reads.map { $0.read.files[0].path } == names)
        #expect(data.marks["firstOutput"] == 900_000)
        #expect(page.ranges(of: "<script").count == 2 && page.ranges(of: "</script>").count == 2)
        #expect(try part(of: page, from: "<title>", to: "</title>").contains("&lt;/script&gt;"))
    }

    @Test("every element that the script asks for is in the page, and every colour that it uses in the style")
    func consistent() throws {
        let page = try page()
        for match in page.matches(of: #/byId\("([^"]+)"\)/#) { #expect(page.contains(#"id="\#(match.1)""#), "\(match.1)") }
        for cause in WaitCause.allCases { #expect(page.contains("--\(cause.rawValue):"), "\(cause)") }
        for purpose in StartTimeline.Purpose.allCases { #expect(page.contains("--\(purpose.rawValue):"), "\(purpose)") }
    }

    @Test("Chrome's events are complete, and none overlap on a line")
    func chrome() throws {
        struct Document: Decodable {
            struct Event: Decodable {
                var name: String
                var ph: String
                var ts: Int
                var dur: Int?
                var tid: Int
            }
            var traceEvents: [Event]
        }
        let record = RecordFixture.record { record in
            record.events.reads = (0..<50).map { RecordFixture.read(UInt64(100 * $0)...UInt64(100 * $0 + 350)) }
        }
        let bytes = try ChromeTrace.write(StartTimeline(record))
        let events = try JSONDecoder().decode(Document.self, from: Data(bytes)).traceEvents
        let complete = events.filter { $0.ph == "X" }
        #expect(complete.count == 50 + 4 + 3 && events.filter { $0.ph == "i" }.count == 4)
        for line in Dictionary(grouping: complete, by: \.tid).values {
            let sorted = line.sorted { $0.ts < $1.ts }
            for (earlier, later) in zip(sorted, sorted.dropFirst()) { #expect(earlier.ts + (earlier.dur ?? 0) <= later.ts) }
        }
        #expect(events.first?.name == "process_name")
    }
}
