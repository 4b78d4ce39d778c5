internal import ArgumentParser
internal import Configuration

/// `starlingd config`: about the configuration file, without a daemon.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check a configuration file, or print the default one or what every key means.",
        subcommands: [Check.self, Default.self, Reference.self])

    /// `starlingd config check FILE`.
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Read a configuration file as the daemon would.",
            discussion: """
                What the daemon would refuse is an error with file, line and key, and exit status 1. Keys that have no effect here are listed.
                """)

        @Argument(help: "The file.")
        var file: String

        func run() throws {
            let configuration: DaemonConfiguration
            do {
                configuration = try DaemonConfiguration(file: file)
            } catch {
                throw ValidationFailure(description: "\(error)")
            }
            for key in configuration.ineffectiveKeys {
                print("\(file)\(key.line.map { ":\($0)" } ?? ""): \(key.key) has no effect: \(key.reason)")
            }
            print("\(file): the configuration is valid")
        }
    }

    /// `starlingd config default`.
    struct Default: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "default", abstract: "Print a complete file with every key at its default, explained.")

        func run() throws { print(DaemonConfiguration.defaultFile, terminator: "") }
    }

    /// `starlingd config reference`.
    struct Reference: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reference", abstract: "Print what every key means, with its default, as Markdown.")

        func run() throws { print(DaemonConfiguration.reference, terminator: "") }
    }

    /// One line, without the usage that argument errors come with.
    private struct ValidationFailure: Error, CustomStringConvertible {
        let description: String
    }
}
