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
            let files = Show.files(of: profile)
            let expected = files.count { $0.isExpected }
            try Terminal.result("starts: \(profile.recordings); \(expected) of \(files.count) files are prefetched")
            for file in files { try Terminal.result(Show.line(file, of: profile)) }
        }

        /// What all parts of a file come to.
        private struct Whole {
            let first: StartProfile.File
            /// Nil for all of it.
            var byteCount: Int64?
            var recordings: Int
            var isExpected: Bool

            init(_ part: StartProfile.File, of profile: StartProfile) {
                first = part
                byteCount = part.byteCount
                recordings = part.recordings
                isExpected = profile.isExpected(part)
            }

            mutating func add(_ other: Whole) {
                byteCount = byteCount.flatMap { mine in other.byteCount.map { mine + $0 } }
                recordings = max(recordings, other.recordings)
                isExpected = isExpected || other.isExpected
            }
        }

        private static func files(of profile: StartProfile) -> [Whole] {
            var files: [Whole] = []
            var places: [String: Int] = [:]
            for part in profile.files {
                let file = Whole(part, of: profile)
                let place = places["\(part.layer)/\(part.path)"] ?? files.count
                places["\(part.layer)/\(part.path)"] = place
                if place < files.count { files[place].add(file) } else { files.append(file) }
            }
            return files
        }

        private static func line(_ file: Whole, of profile: StartProfile) -> String {
            let mark = file.isExpected ? " " : "-"
            let bytes = file.byteCount.map { "\($0)" } ?? "all"
            let columns = ["\(file.recordings)/\(profile.recordings)", bytes].map { text in
                String(repeating: " ", count: max(0, 9 - text.count)) + text
            }
            return mark + columns.joined() + "  layer \(file.first.layer + 1)  /\(file.first.path)"
        }
    }
}
