import ArgumentParser
import Conversion
import Digests
import HostSystem
import OCI
import Registry

/// `starling convert SOURCE DESTINATION`.
struct Convert: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Convert an image to eStargz; it still runs everywhere, and here it starts before it is pulled.",
        discussion: """
            Prints the digest of the converted image. Images are named docker://REFERENCE (the transport may be left out), oci:DIR[:TAG] or
            oci-archive:FILE[:TAG].

            Examples:
              starling convert registry.example.org/app:1 registry.example.org/app:1-esgz
              starling convert oci:build/app oci-archive:app-esgz.tar
              starling convert --all-platforms docker://alpine:3 docker://127.0.0.1:5000/alpine:3
            """)

    @OptionGroup var registry: RegistryArguments

    @Option(help: ArgumentHelp("Layers under way wait in its tmp, instead of in $TMPDIR or /var/tmp.", valueName: "dir"))
    var root: String?

    @Option(name: .customLong("platform"), help: ArgumentHelp("Convert the image for this platform (repeatable).", valueName: "os/arch"))
    var platforms: [String] = []

    @Flag(name: .customLong("all-platforms"), help: "Convert the images for all platforms of an index.")
    var allPlatforms = false

    @Option(help: "Threads that compress. (default: one per processor)")
    var jobs: Int?

    @Option(help: "Compression level, 1 to 12.")
    var level = ConversionOptions().level

    @Option(name: .customLong("chunk-size"), help: ArgumentHelp("Bytes of a file per chunk.", valueName: "bytes"))
    var chunkSize = ConversionOptions().chunkSize

    @Flag(inversion: .prefixedNo, help: "Copy layers that are eStargz already.")
    var reuse = true

    @Option(help: "How progress is shown: auto, plain or none.")
    var progress = ProgressStyle.auto

    @Argument(help: "The image to convert.")
    var source: String

    @Argument(help: "Where the converted image goes.")
    var destination: String

    func validate() throws {
        guard !allPlatforms || platforms.isEmpty else { throw ValidationError("--platform and --all-platforms exclude each other") }
        for platform in platforms where Platform(parsing: platform) == nil {
            throw ValidationError("--platform \(platform): expected os/architecture[/variant], such as linux/arm64")
        }
    }

    func run() async throws {
        if let root { try Files.makeDirectories(root + "/tmp", mode: 0o700) }
        let (from, to) = (try ImageName(parsing: source), try ImageName(parsing: destination))
        let client = try registry.client()
        defer { client.shutdown() }
        let display = ConversionDisplay(progress)
        defer { display.end() }
        let converter = ImageConverter(options: options) { display.show($0) }
        // Ctrl-C and SIGTERM cancel the conversion, which then removes what it has written so far.
        let result = try await Interruption.cancels {
            try await converter.convert(from: try from.source(client), to: to.destination(client, origin: from))
        }
        display.end()
        try Terminal.result(result.descriptor.digest.description)
    }

    private var options: ConversionOptions {
        let listed = platforms.compactMap { Platform(parsing: $0) }
        return ConversionOptions(
            platforms: allPlatforms ? .all : listed.isEmpty ? .current : .listed(listed), jobs: jobs, level: level, chunkSize: chunkSize,
            reusesLayers: reuse, temporaryDirectory: root.map { $0 + "/tmp" })
    }
}
