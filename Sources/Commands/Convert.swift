import ArgumentParser
import Conversion
import Digests
import HostSystem
import OCI
import Registry

/// `starling convert SOURCE DESTINATION`.
struct Convert: AsyncParsableCommand, AsksDaemons {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Convert an image to eStargz or zstd:chunked; it still runs everywhere, and here it starts before it is pulled.",
        discussion: """
            Prints the digest of the converted image. Images are named docker://REFERENCE (the transport may be left out), oci:DIR[:TAG],
            oci-archive:FILE[:TAG], docker-archive:FILE[:REFERENCE] (of docker save, and for docker load) or containerd:REFERENCE.

            Examples:
              starling convert registry.example.org/app:1 registry.example.org/app:1-esgz
              starling convert oci:build/app oci-archive:app-esgz.tar
              docker save -o app.tar app:1 && starling convert docker-archive:app.tar docker-archive:app-esgz.tar:app:1-esgz
              starling convert --namespace k8s.io containerd:docker.io/library/app:1 containerd:docker.io/library/app:1-esgz
              starling convert --all-platforms docker://alpine:3 docker://127.0.0.1:5000/alpine:3
              starling convert --prefetch-list first.txt app:1 registry.example.org/app:1-esgz
              starling convert --format zstd-chunked app:1 registry.example.org/app:1-zstd
              starling convert --external-toc --keep-diff-id app:1 registry.example.org/app:1-esgz
            """)

    @OptionGroup var registry: RegistryArguments
    @OptionGroup var containerd: ContainerdArguments

    @Option(
        help: ArgumentHelp(
            "Temporary files are in its tmp, not in the destination or, for registries and containerd, $TMPDIR or /var/tmp.",
            valueName: "dir"))
    var root: String?

    @OptionGroup var platforms: PlatformArguments

    @Option(help: "Threads that compress. (default: one per processor)")
    var jobs: Int?

    @OptionGroup var format: FormatArguments
    @OptionGroup var order: PriorityArguments

    @Flag(inversion: .prefixedNo, help: "Copy layers that are in the format already.")
    var reuse = true

    @Option(help: "How progress is shown: auto, plain, json or none.")
    var progress = ProgressStyle.auto

    @Argument(help: "The image to convert.")
    var source: String

    @Argument(help: "Where the converted image goes.")
    var destination: String

    var asksDaemons: Bool { [source, destination].contains(where: ImageName.isInContainerd) }

    func validate() throws {
        if destination.hasPrefix("docker-archive:"), platforms.all || platforms.platforms.count > 1 {
            throw ValidationError("\(destination): a docker archive holds the image of one platform; write an oci-archive, or choose one")
        }
    }

    func run() async throws {
        // A layer on its way to a layout is an open file until all are there.
        Limits.raiseOpenFiles()
        if let root { try Files.makeDirectories(root + "/tmp", mode: 0o700) }
        let (from, to) = (try ImageName(parsing: source), try ImageName(parsing: destination))
        let client = try registry.client()
        defer { client.shutdown() }
        let display = ConversionDisplay(progress)
        defer { display.end() }
        let options = try options()
        let converter = ImageConverter(options: options) { display.show($0) }
        let endpoints = ImageEndpoints(from: from, to: to, client: client, containerd: containerd.options())
        // Ctrl-C and SIGTERM cancel the conversion, which then removes what it has written so far.
        let result = try await Interruption.cancels {
            try await endpoints.open { try await converter.convert(from: $0, to: $1) }
        }
        display.end()
        for path in options.priorities?.unfulfilled.prefix(10) ?? [] { Terminal.say("no layer has what the list wants first: \(path)") }
        try Terminal.result(result.descriptor.digest.description)
    }

    private func options() throws -> ConversionOptions {
        ConversionOptions(
            platforms: platforms.choice, jobs: jobs, level: format.level,
            writer: format.writer,
            priorities: try order.priorities(), reusesLayers: reuse, temporaryDirectory: root.map { $0 + "/tmp" })
    }
}
