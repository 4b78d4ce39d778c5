import ArgumentParser
import Digests
import Inspection
import OCI
import Registry

/// `starling verify IMAGE`.
struct Verify: AsyncParsableCommand, LooksAtImage {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Verify every digest of an image, down to each chunk, and that its TOCs tell of the files in its layers.",
        discussion: """
            Downloads each layer once. Ends with 1 and one line at the first thing that is wrong.

            Examples:
              starling verify 127.0.0.1:5000/python:3-esgz
            """)

    @OptionGroup var image: ImageArguments

    @Argument(help: "The image.")
    var name: String

    func run() async throws {
        let platform = image.wantedPlatform
        try await image.withSource(name) { source in
            let verifier = try await LayerVerifier(source, platform: platform)
            for index in verifier.layers.indices {
                let outcome = try await verifier.verify(index)
                let what = outcome.format.map { "\($0), \(outcome.chunkCount) chunks" } ?? "ordinary"
                try Terminal.result(
                    "layer \(index + 1) of \(verifier.layers.count) \(verifier.layers[index].digest): right (\(what), "
                        + "\(outcome.uncompressedSize) bytes uncompressed)")
            }
        }
    }
}

/// `starling check SOURCE CONVERTED`.
struct Check: AsyncParsableCommand, AsksDaemons {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check that two images unpack to the same trees; print the first differences if not.",
        discussion: """
            Reads both images' layers as archives, whatever their format. What eStargz adds to a layer does not count. Ends with 1 when they differ.

            Examples:
              starling check app:1 registry.example.org/app:1-esgz
            """)

    @OptionGroup var image: ImageArguments

    @Option(help: ArgumentHelp("Differences to print at most.", valueName: "count"))
    var limit = 20

    @Argument(help: "The image before.")
    var source: String

    @Argument(help: "The image after.")
    var converted: String

    var asksDaemons: Bool { [source, converted].contains(where: ImageName.isInContainerd) }

    func run() async throws {
        let (platform, limit) = (image.wantedPlatform, limit)
        let (from, to) = (try ImageName(parsing: source), try ImageName(parsing: converted))
        let client = try image.registry.client()
        defer { client.shutdown() }
        let options = image.containerd.options()
        let differs = try await Interruption.cancels {
            try await from.withSource(client, options) { source in
                try await to.withSource(client, options) { try await Check.differ(source, $0, platform: platform, limit: limit) }
            }
        }
        if differs { throw ExitCode(1) }
    }

    private static func differ(
        _ source: any ImageSource, _ converted: any ImageSource, platform: Platform, limit: Int
    ) async throws -> Bool {
        let comparison = try await TreeComparison(source, converted, platform: platform)
        var count = 0
        for layer in 0..<comparison.layerCount {
            for difference in try await comparison.differences(layer: layer) {
                count += 1
                if count <= limit { try Terminal.result("layer \(layer + 1): \(difference)") }
            }
        }
        if count > limit { Terminal.say("\(count - limit) more differences") }
        if count == 0 { Terminal.say("both unpack to the same trees") }
        return count > 0
    }
}
