import ArgumentParser
import ContainerRun
import Conversion
import Digests
import HostSystem
import OCI
import Registry

/// `starling optimize SOURCE DESTINATION [-- COMMAND…]`.
struct Optimize: AsyncParsableCommand, UsesPrivateMounts, AsksDaemons {
    static let configuration = CommandConfiguration(
        commandName: "optimize",
        abstract: "Run an image, see what it reads, and write it with that first: then one range request brings what a start needs.",
        discussion: """
            The workload is the image's own command, or what follows `--`. It runs until it ends, prints the line that --wait-on-line names, or the \
            --period is over. Of large files only the parts that were read come first. Images are named as for `starling convert`; prints the digest \
            of the image that was written. Without a destination the record is all that is written.

            Examples:
              starling optimize app:1 registry.example.org/app:1-esgz
              starling optimize --wait-on-line 'ready to accept connections' redis:7 registry.example.org/redis:7-esgz
              starling optimize python:3 registry.example.org/python:3-esgz -- python3 -c 'import numpy'
              starling optimize --record-out start.json app:1
              starling optimize --record-in start.json app:1 registry.example.org/app:1-esgz
              starling optimize --static --platform linux/arm64 app:1 registry.example.org/app:1-esgz
            """,
        // -h is the host name.
        helpNames: [.long])

    @OptionGroup var recording: RecordingArguments
    @OptionGroup(title: "Format") var format: FormatArguments

    @Option(help: "Threads that compress. (default: one per processor)")
    var jobs: Int?

    @Option(name: .customLong("record-out"), help: ArgumentHelp("Write what was read, in order, as JSON lines.", valueName: "file"))
    var recordOut: String?

    @Option(
        name: .customLong("record-in"),
        help: ArgumentHelp("Run nothing: what was read is in this record (repeatable: the first comes first).", valueName: "file"))
    var recordIn: [String] = []

    @Flag(help: "Layers that are in the format already are copied as they are, in the order that they have.")
    var reuse = false

    @Flag(
        name: .customLong("static"),
        help:
            "Run nothing: what the start will read is what its files name (libraries, interpreters, Python's imports, commands of scripts)."
    )
    var isStatic = false

    @Flag(name: .customLong("no-optimize"), help: "Run nothing and change no order: only convert.")
    var noOptimize = false

    @Flag(
        name: .customLong("whole-files"),
        help: "Put files first as a whole, also large ones of which little was read: for other readers of the format.")
    var wholeFiles = false

    @Option(help: "How progress is shown: auto, plain, json or none.")
    var progress = ProgressStyle.auto

    @Argument(help: "The image.")
    var source: String

    @Argument(help: "Where the optimized image goes.")
    var destination: String?

    @Argument(parsing: .postTerminator, help: "Command and arguments, in place of the image's.")
    var command: [String] = []

    var asksDaemons: Bool { [source, destination ?? ""].contains(where: ImageName.isInContainerd) }

    func validate() throws {
        guard !noOptimize || recordIn.isEmpty && recordOut == nil && command.isEmpty else {
            throw ValidationError("--no-optimize runs nothing and needs no record and no command")
        }
        guard !isStatic || recordIn.isEmpty && !noOptimize else {
            throw ValidationError("--static looks into the image; it goes with neither --record-in nor --no-optimize")
        }
        guard destination != nil || recordOut != nil else {
            throw ValidationError("neither a destination nor --record-out: nothing would be written")
        }
        guard recordIn.isEmpty || command.isEmpty else { throw ValidationError("--record-in runs nothing, so no command is needed") }
    }

    func run() async throws {
        Limits.raiseOpenFiles()
        let from = try ImageName(parsing: source)
        let to = try destination.map { try ImageName(parsing: $0) }
        let client = try recording.registry.client()
        defer { client.shutdown() }
        let display = ConversionDisplay(progress)
        defer { display.end() }
        let digest = try await recording.storage.withDirectory(for: "optimize") { try await optimize(from, to, client, display, home: $0) }
        display.end()
        if let digest { try Terminal.result(digest.description) }
    }

    private func optimize(
        _ from: ImageName, _ to: ImageName?, _ client: RegistryClient, _ display: ConversionDisplay, home: String
    ) async throws -> Digest? {
        let recorded = noOptimize ? nil : try await recorded(from, client, display, home: home)
        if let recorded, let recordOut { try AtomicFile.write(try recorded.record.lines(), to: recordOut) }
        guard let to else { return nil }
        let record = recorded?.ofSource
        var options = ConversionOptions(
            platforms: recording.platforms.choice, jobs: jobs, level: format.level, writer: format.writer,
            priorities: record.map { Priorities(wholeFiles ? $0.wholeFiles : $0) }, reusesLayers: reuse || noOptimize)
        options.keepsOrder = reuse
        let converter = ImageConverter(options: options) { display.show($0) }
        let endpoints = ImageEndpoints(from: recorded?.source ?? from, to: to, client: client, containerd: recording.containerd.options())
        return try await Interruption.cancels {
            try await endpoints.open { try await converter.convert(from: $0, to: $1) }
        }.descriptor.digest
    }

    private func recorded(
        _ from: ImageName, _ client: RegistryClient, _ display: ConversionDisplay, home: String
    ) async throws -> WorkloadRecording.Recorded {
        if !recordIn.isEmpty {
            let record = try read(recordIn)
            return WorkloadRecording.Recorded(record: record, ofSource: record, source: from)
        }
        let workload = WorkloadRecording(image: from, arguments: recording, command: command, client: client, home: home, display: display)
        return try await isStatic ? workload.analysed() : workload.recorded()
    }

    private func read(_ paths: [String]) throws -> AccessRecord {
        AccessRecord(
            try paths.flatMap { try PriorityArguments.record($0).accesses })
    }
}

extension AccessRecord {
    /// The same files, each as a whole.
    var wholeFiles: AccessRecord {
        AccessRecord(
            accesses.map { access in
                var whole = access
                whole.ranges = nil
                return whole
            })
    }
}
