import ArgumentParser
import Digests
import HostSystem
import OCI
import Profiles
import Registry

/// `starling profile record|show|merge|push|pull`.
struct Profile: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile",
        abstract: "What the start of an image reads, kept beside the image in its registry: nothing is converted again.",
        discussion: """
            `starling run` and starlingd prefetch what the profile of an image says, where there is one, in place of what its layers say themselves. \
            Many nodes may push profiles of one image; they are merged when they are used.

            Examples:
              starling profile record -o start.json registry.example.org/app:1-esgz
              starling profile push start.json registry.example.org/app:1-esgz
              starling profile show registry.example.org/app:1-esgz
              starling profile merge -o start.json node1.json node2.json
            """,
        subcommands: [Record.self, Show.self, Merge.self, Push.self, Pull.self])

    /// Largest file of a profile, in bytes: a hundred thousand files with their ranges.
    private static let maximumSize = 64 << 20

    static func read(_ path: String) throws -> StartProfile {
        try StartProfile(parsing: try Files.read(path, limit: maximumSize), name: path)
    }

    /// Writes a profile to a file, or to standard output.
    static func write(_ profile: StartProfile, to path: String?) throws {
        let bytes = try profile.encoded() + [UInt8(ascii: "\n")]
        if let path {
            try AtomicFile.write(bytes, to: path)
        } else {
            try Terminal.result(String(decoding: bytes.dropLast(), as: UTF8.self))
        }
    }

    /// An image in a registry, and which of its manifests is meant.
    struct ImageArgument: ParsableArguments {
        @OptionGroup var registry: RegistryArguments

        @Option(help: ArgumentHelp("Platform of the image.", valueName: "os/arch"), transform: OpeningArguments.platform)
        var platform = Platform.current

        func withImage<Value: Sendable>(
            _ name: String, _ body: @escaping @Sendable (RegistryClient, Reference, PlatformImage) async throws -> Value
        ) async throws -> Value {
            let reference = try Reference(parsing: name)
            let client = try registry.client()
            defer { client.shutdown() }
            return try await Interruption.cancels { [platform] in
                let image = try await PlatformImage(source: RegistrySource(client: client, reference: reference), platform: platform)
                return try await body(client, reference, image)
            }
        }

        func pull(_ name: String) async throws -> StartProfile {
            try await withImage(name) { client, reference, image in
                let profiles = ImageProfiles(client: client, reference: reference)
                guard let profile = try await profiles.pull(of: image.descriptor.digest) else { throw ProfileError.none(image: name) }
                return profile
            }
        }
    }

    struct Merge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "merge", abstract: "Make one profile of those of several nodes or starts.")

        @Option(name: .shortAndLong, help: ArgumentHelp("Where it is written, not to standard output.", valueName: "file"))
        var output: String?

        @Argument(help: "Profiles of one image.")
        var files: [String]

        func run() throws {
            try Profile.write(try StartProfile.merged(files.map { ($0, try Profile.read($0)) }), to: output)
        }
    }

    struct Pull: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pull", abstract: "Write the profile that an image has in its registry.")

        @OptionGroup var image: ImageArgument

        @Option(name: .shortAndLong, help: ArgumentHelp("Where it is written, not to standard output.", valueName: "file"))
        var output: String?

        @Argument(help: "The image.")
        var name: String

        func run() async throws { try Profile.write(try await image.pull(name), to: output) }
    }

    struct Push: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "push",
            abstract: "Add a profile to those that an image has in its registry; prints the digest of the artifact.")

        @OptionGroup var image: ImageArgument

        @Flag(help: "Take the place of the profiles that are there.")
        var replace = false

        @Argument(help: "The profile.")
        var file: String

        @Argument(help: "The image.")
        var name: String

        func run() async throws {
            let (profile, file) = (try Profile.read(file), file)
            let digest = try await image.withImage(name) { [replace] client, reference, image in
                guard profile.layers == image.manifest.layers.map(\.digest) else { throw ProfileError.otherImage(name: file) }
                return try await ImageProfiles(client: client, reference: reference).push(
                    profile, to: image.descriptor, replaces: replace)
            }
            try Terminal.result(digest.description)
        }
    }
}
