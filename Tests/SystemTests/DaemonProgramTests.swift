import HostSystem
import TestSupport
import Testing

/// What has to do with daemons is not in `starling`: starlingd, beside it or in PATH, goes on with the command.
@Suite("commands that speak to daemons")
struct DaemonProgramTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        try install("starling")
    }

    private func install(_ program: String, in place: String = "") throws {
        try Files.makeDirectories(directory.path + place)
        let target = directory.path + place + "/" + program
        _ = try run("sh", ["-c", #"ln "$0" "$1" 2>/dev/null || cp "$0" "$1""#, Places.product(program), target])
    }

    private func starling(_ arguments: [String], path: String = "/nowhere") throws -> Program.Result {
        try Program.run(directory.path + "/starling", arguments, environment: ["PATH=\(path)"])
    }

    private static let commands = [
        ["status"], ["materialize", "a/b"], ["pull", "--namespace", "n", "a/b"], ["inspect", "containerd:a/b"], ["ls", "containerd:a/b"],
        ["convert", "oci:/none", "containerd:a/b"], ["check", "containerd:a/b", "oci:/none"], ["optimize", "containerd:a/b", "oci:/none"],
    ]

    @Test("without starlingd it is one line that says what is missing", arguments: commands)
    func missing(command: [String]) throws {
        let result = try starling(command)
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(result.errorText.contains("starlingd") && result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
    }

    @Test("all else needs no starlingd, and neither does a mistake in the arguments")
    func others() throws {
        #expect(try starling(["status", "--help"]).outputText.contains("USAGE: starling status"))
        #expect(try starling(["status", "--no-such"]).status == 64)
        let result = try starling(["inspect", "oci:/none"])
        #expect(result.status == 1 && result.errorText.contains("/none"), "\(result.errorText)")
    }

    @Test("it goes on beside the program, or where PATH has it", arguments: [true, false])
    func goesOn(isBeside: Bool) throws {
        try install("starlingd", in: isBeside ? "" : "/elsewhere")
        let result = try starling(["status", "--address", "/nowhere.sock"], path: "/nowhere:" + directory.path + "/elsewhere")
        #expect(result.status == 1 && result.errorText.contains("cannot ask starlingd at /nowhere.sock"), "\(result.errorText)")
    }
}
