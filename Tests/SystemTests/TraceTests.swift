import Glibc
import HostSystem
import OCI
import TestSupport
import Testing

@Suite("starling run --trace, with a real registry and crun", .serialized)
struct TraceTests {
    private let fixture: SystemFixture
    private let directory: TemporaryDirectory

    init() throws {
        fixture = try SystemFixture.shared()
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
    }

    private var page: String { directory.path + "/start.html" }
    private var hello: [String] { ["python3", "-c", #"print("hello")"#] }

    private func arguments(_ options: [String], _ command: [String], _ image: String? = nil) -> [String] {
        ["run", "--rm", "--no-background-fetch", "--mode", ModeUnderTest.name, "--root", directory.path + "/root"] + options
            + [image ?? fixture.lazy] + command
    }

    /// The JSON document in the page.
    private func data(_ page: String) throws -> JSONValue {
        let text = String(decoding: try Files.read(page, limit: 16 << 20), as: UTF8.self)
        let start = try #require(text.firstRange(of: #"<script type="application/json" id="trace">"#)).upperBound
        let json = text[start...].prefix { $0 != "<" }
        return try Documents.decode(JSONValue.self, from: Array(json.utf8), what: "page")
    }

    private func number(_ value: JSONValue) -> Int64? { if case .integer(let number) = value { number } else { nil } }

    @Test(
        "a cold start is taken down: requests, layers, reads with their files, first output and exit; a warm one has no reads that waited")
    func start() throws {
        let result = try Starling.run(arguments(["--trace", page, "--why"], hello))
        #expect(result.status == 0 && result.outputText == "hello\n", "\(result.errorText)")
        #expect(result.errorText.hasPrefix("first output after ") && result.errorText.contains("the reads that cost most:\n"))
        let data = try data(page)
        let purposes = Set((data["requests"]?.array ?? []).compactMap { $0["purpose"]?.string })
        #expect(purposes.isSuperset(of: ["resolve", "opening", "prediction"]), "\(purposes)")
        let reads = data["reads"]?.array ?? []
        let paths = reads.compactMap { $0["read"]?["files"]?.array?.first?["path"]?.string }
        #expect(!reads.isEmpty && paths.count == reads.count && paths.allSatisfy { $0.hasPrefix("/") }, "\(paths)")
        let marks = ["runtime", "program", "firstOutput", "exit"].compactMap { data["marks"]?[$0].flatMap(number) }
        #expect(marks.count == 4 && marks == marks.sorted(), "\(marks)")
        let steps = Set((data["spans"]?.array ?? []).compactMap { $0["name"]?.string })
        #expect(
            steps.isSuperset(of: ["manifest", "open", "fetch TOC", "verify and compile TOC", "merge trees", "write bundle"]), "\(steps)")
        #expect(data["layers"]?.array?.count == 1 && data["layers"]?.array?.first?["format"]?.string == "estargz")
        let again = try Starling.run(arguments(["--trace", page], hello))
        #expect(again.status == 0 && again.errorText.isEmpty, "\(again.errorText)")
        #expect(try self.data(page)["reads"]?.array?.isEmpty == true)
    }

    @Test("an image that is not lazy has its pull in the trace, and Chrome's format is JSON")
    func plain() throws {
        let result = try Starling.run(arguments(["--trace", page], hello, fixture.plain))
        #expect(result.status == 0 && result.outputText == "hello\n", "\(result.errorText)")
        #expect((try data(page)["requests"]?.array ?? []).contains { $0["purpose"]?.string == "pull" })
        let chrome = directory.path + "/start.json"
        try Starling.succeed(arguments(["--trace", chrome], ["true"]))
        let document = try Documents.decode(JSONValue.self, from: try Files.read(chrome, limit: 16 << 20), what: "trace")
        #expect((document["traceEvents"]?.array ?? []).count > 10)
    }

    @Test("what the container writes passes unchanged, into pipes and into files that are appended to, and a reader that goes away ends it")
    func streams() throws {
        let script = "head -c 3000000 /dev/zero; echo error >&2; cat; exit 7"
        let result = try Starling.run(arguments(["--why"], ["sh", "-c", script]))
        #expect(result.output.count == 3_000_000 && result.status == 7)
        #expect(result.errorText.hasPrefix("error\n"))
        let program = try Places.product("starling")
        let words = ([program] + arguments(["--trace", page], [])).map { "'\($0)'" }.joined(separator: " ")
        let shell = "echo a > out; \(words) sh -c 'echo b; echo c' >> out; cat out; \(words) yes | head -n 1"
        let appended = try Program.run("sh", ["-c", "cd '\(directory.path)'; \(shell)"], deadline: .seconds(120))
        #expect(appended.outputText == "a\nb\nc\ny\n", "\(appended.errorText)")
    }

    @Test("a file that could not be written is refused before anything is started")
    func badFile() throws {
        for (file, words) in [
            ("start.txt", "must end in .html or .json"), ("/no/such/directory/start.html", "cannot write /no/such/directory"),
        ] {
            let result = try Starling.run(arguments(["--trace", file], hello))
            #expect(result.status != 0 && result.outputText.isEmpty && result.errorText.contains(words), "\(result.errorText)")
        }
        #expect(!Files.exists(directory.path + "/root/layers"))
    }

    @Test("of a container in the background the start is kept, while it runs and when it has ended, until it is removed")
    func background() throws {
        let place = ["--root", directory.path + "/root"]
        // Nothing names the file that is read first, and what is read takes a while to come: however fast the machine is, that is worth an advice.
        let proxy = try CountingProxy(to: fixture.registry.port, delay: 25_000)
        let image = "\(proxy.address)/\(SystemFixture.repository):lazy"
        let script = "import time; open('/usr/bin/perl', 'rb').read(); print('hello', flush=True); time.sleep(600)"
        try Starling.succeed(
            ["run", "-d", "--name", "web", "--no-background-fetch", "--mode", ModeUnderTest.name] + place + [
                image, "python3", "-c", script,
            ])
        try waitUntil("the start is kept") {
            let told = try Starling.run(["trace"] + place + ["web"])
            return told.status == 0 && told.outputText.hasPrefix("first output after ")
        }
        try Starling.succeed(["trace"] + place + ["web", page])
        #expect(try data(page)["reads"]?.array?.isEmpty == false)
        try Starling.succeed(["kill"] + place + ["web"])
        let ended = try Starling.succeed(["trace"] + place + ["web"])
        #expect(ended.outputText.contains("starling optimize \(image) "), "\(ended.outputText)")
        try Starling.succeed(["rm"] + place + ["web"])
        let gone = try Starling.run(["trace"] + place + ["web"])
        #expect(gone.status != 0 && gone.errorText.contains("no container"), "\(gone.errorText)")
        let both = try Starling.run(["run", "-d"] + place + ["--trace", page, fixture.lazy])
        #expect(both.status == 125 && both.errorText.contains("starling trace CONTAINER"), "\(both.errorText)")
    }

    @Test("a browser shows the page: its script runs to the end, without the network")
    func browser() throws {
        try requireProgram("chromium")
        try Starling.succeed(arguments(["--trace", page], hello))
        let result = try Program.run(
            "chromium",
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=\(directory.path)/browser", "--virtual-time-budget=2000",
                "--dump-dom", "file://\(page)",
            ], deadline: .seconds(60))
        let shown = result.outputText
        // The footer is the last that the script writes.
        #expect(shown.contains("Everything is in this file."), "\(result.errorText.suffix(500))")
        #expect(shown.contains(fixture.lazy) && shown.contains("to first output"))
        let read = try data(page)["reads"]?.array?.first?["read"]?["files"]?.array?.first?["path"]?.string
        #expect(try shown.contains(#require(read)))
    }
}
