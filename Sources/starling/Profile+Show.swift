import ArgumentParser
import HostSystem
import OCI
import Profiles

extension Profile {
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "List what a profile says, the first reads first.",
            discussion: """
                A line for each file: in how many of the recorded starts it was read, the bytes that were, its layer and its path. What fewer than \
                half of the starts read is not prefetched; such lines begin with a dash.

                Examples:
                  starling profile show start.json
                  starling profile show --json registry.example.org/app:1-esgz
                """)

        @OptionGroup var image: ImageArgument

        @Flag(help: "The profile itself, as a JSON document.")
        var json = false

        @Argument(help: "A file, or an image in a registry.")
        var name: String

        func run() async throws {
            let profile = Files.exists(name) ? try Profile.read(name) : try await image.pull(name)
            if json { return try Profile.write(profile, to: nil) }
            try Terminal.result("starts: \(profile.recordings); \(profile.expected.count) of \(profile.files.count) files are prefetched")
            for file in profile.files { try Terminal.result(Show.line(file, of: profile)) }
        }

        private static func line(_ file: StartProfile.File, of profile: StartProfile) -> String {
            let mark = profile.isExpected(file) ? " " : "-"
            let bytes = file.ranges.map { ranges in "\(ranges.reduce(0) { $0 + $1.size })" } ?? "all"
            let columns = ["\(file.recordings)/\(profile.recordings)", bytes].map { text in
                String(repeating: " ", count: max(0, 9 - text.count)) + text
            }
            return mark + columns.joined() + "  layer \(file.layer + 1)  /\(file.path)"
        }
    }
}
