import ArgumentParser
import Conversion
import HostSystem
import OCI
import Registry

/// Options of every command that looks at one image.
struct ImageArguments: ParsableArguments {
    @OptionGroup var registry: RegistryArguments
    @OptionGroup var containerd: ContainerdArguments

    @Option(help: ArgumentHelp("Platform of the image.", valueName: "os/arch"))
    var platform: String?

    func validate() throws {
        guard let platform, Platform(parsing: platform) == nil else { return }
        throw ValidationError("--platform \(platform): expected os/architecture[/variant], such as linux/arm64")
    }

    /// The platform that was asked for, else this machine's.
    var wantedPlatform: Platform { platform.flatMap { Platform(parsing: $0) } ?? .current }

    /// Opens an image for reading for the time of `body`; Ctrl-C and SIGTERM cancel it.
    func withSource<Result: Sendable>(
        _ name: String, _ body: @escaping @Sendable (any ImageSource) async throws -> Result
    ) async throws -> Result {
        let image = try ImageName(parsing: name)
        let client = try registry.client()
        defer { client.shutdown() }
        let options = containerd.options()
        return try await Interruption.cancels { try await image.withSource(client, options, body) }
    }
}
