import ArgumentParser
import OCI

/// Options of every command that takes some of an index's images, or all.
struct PlatformArguments: ParsableArguments {
    @Option(
        name: .customLong("platform"),
        help: ArgumentHelp("The image for this platform (repeatable). (default: this machine's)", valueName: "os/arch"))
    var platforms: [String] = []

    @Flag(name: .customLong("all-platforms"), help: "The images for all platforms of an index.")
    var all = false

    func validate() throws {
        guard !all || platforms.isEmpty else { throw ValidationError("--platform and --all-platforms exclude each other") }
        for platform in platforms where Platform(parsing: platform) == nil {
            throw ValidationError("--platform \(platform): expected os/architecture[/variant], such as linux/arm64")
        }
    }

    /// The first that was chosen, where one is all that is taken.
    var first: Platform { platforms.first.flatMap { Platform(parsing: $0) } ?? .current }

    /// What was chosen.
    var choice: PlatformChoice {
        let listed = platforms.compactMap { Platform(parsing: $0) }
        return all ? .all : listed.isEmpty ? .current : .listed(listed)
    }
}
