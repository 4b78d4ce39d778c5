import ArgumentParser
import ContainerdClient
import Digests
import OCI
import Registry

/// `starling pull --containerd ADDRESS REF`.
struct Pull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Pull an image into containerd, lazily where its layers allow it.",
        discussion: """
            Examples:
              starling pull --containerd /run/containerd/containerd.sock registry.example.org/app:1-esgz
              ctr run --rm --snapshotter stargz registry.example.org/app:1-esgz app
            """)

    @OptionGroup var registry: RegistryArguments

    @OptionGroup var containerd: ContainerdArguments

    @Option(help: "Name of the snapshotter in containerd's configuration.")
    var snapshotter = "stargz"

    @Option(help: ArgumentHelp("Platform to pull.", valueName: "os/arch"))
    var platform: String?

    @Argument(help: "The image.")
    var image: String

    func validate() throws {
        guard let platform, Platform(parsing: platform) == nil else { return }
        throw ValidationError("--platform \(platform): expected os/architecture[/variant], such as linux/arm64")
    }

    func run() async throws {
        let reference = try Reference(parsing: image)
        let client = try registry.client()
        defer { client.shutdown() }
        let options = containerd.options(
            snapshotter: snapshotter, platform: platform.flatMap { Platform(parsing: $0) } ?? .current)
        let pull = ContainerdPull(reference: reference, source: RegistrySource(client: client, reference: reference), options: options) {
            Terminal.say("\($0)")
        }
        let result = try await Interruption.cancels { try await pull.run() }
        try Terminal.result("\(reference) \(result.target.digest)")
    }
}
