import ArgumentParser
import Digests
import HostSystem
import OCI
import Profiles
import Registry

extension Profile {
    struct Record: AsyncParsableCommand, UsesPrivateMounts {
        static let configuration = CommandConfiguration(
            commandName: "record",
            abstract: "Run an image and write what its start read.",
            discussion: """
                The workload is the image's own command, or what follows `--`. It runs until it ends, prints the line that --wait-on-line names, or the \
                --period is over.

                Examples:
                  starling profile record -o start.json registry.example.org/app:1-esgz
                  starling profile record --wait-on-line ready --push registry.example.org/redis:7-esgz
                """,
            // -h is the host name.
            helpNames: [.long])

        @OptionGroup var recording: RecordingArguments

        @Option(name: .shortAndLong, help: ArgumentHelp("Where it is written, not to standard output.", valueName: "file"))
        var output: String?

        @Flag(help: "Add it to those that the image has in its registry; it is written nowhere then, unless --output says so.")
        var push = false

        @Argument(help: "The image, whose layers are lazy.")
        var image: String

        @Argument(parsing: .postTerminator, help: "Command and arguments, in place of the image's.")
        var command: [String] = []

        func run() async throws {
            let reference = try Reference(parsing: image)
            let client = try recording.registry.client()
            defer { client.shutdown() }
            let recorded = try await recording.storage.withDirectory(for: "profile") { home in
                try await WorkloadRecording(
                    image: .registry(reference), arguments: recording, command: command, client: client, home: home,
                    display: ConversionDisplay(.none), mustBeLazy: true
                ).recorded()
            }
            let profile = StartProfile(recorded.record, layers: recorded.layers)
            if push, let manifest = recorded.manifest {
                let digest = try await ImageProfiles(client: client, reference: reference).push(profile, to: manifest)
                try Terminal.result(digest.description)
            }
            if output != nil || !push { try Profile.write(profile, to: output) }
        }
    }
}
