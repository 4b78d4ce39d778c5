import HostSystem
import TestSupport
import Testing

/// containerd's own tests of snapshotters, as Debian packages them: Tests/GoSnapshotterSuite.
@Suite("containerd's test suite for snapshotters", .serialized)
struct SnapshotterSuiteTests {
    /// All cases of containerd 1.6.
    private static let cases: Set = [
        "Basic", "StatActive", "StatComitted", "TransitivityTest", "PreareViewFailingtest", "Update", "Remove", "Walk", "LayerFileupdate",
        "RemoveDirectoryInLowerLayer", "Chown", "DirectoryPermissionOnCommit", "RemoveIntermediateSnapshot", "DeletedFilesInChildSnapshot",
        "MoveFileFromLowerLayer", "ViewReadonly", "StatInWalk", "CloseTwice", "RootPermission", "128LayersMount",
    ]
    /// Cases that the suite itself skips for every snapshotter: overlayfs renames no directory of a lower layer.
    private static let skipped: Set = ["Rename"]

    @Test("every case passes against a starlingd behind its socket")
    func everyCase() throws {
        try requireRoot()
        try requireFuse()
        let directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        let program = directory.path + "/suite"
        try GoCompiler.run(["test", "-c", "-o", program], in: "GoSnapshotterSuite")
        let result = try Program.run(
            program, ["-test.v", "-test.root", "-test.timeout=240s"],
            environment: [
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR=\(directory.path)", "SOCKETS=\(directory.path)",
                "STARLINGD=\(Places.product("starlingd"))",
            ],
            deadline: .seconds(300))
        let text = result.outputText
        #expect(result.status == 0, "\(text.suffix(8000))\(result.errorText.suffix(8000))")
        #expect(cases("PASS", in: text) == Self.cases)
        #expect(cases("SKIP", in: text) == Self.skipped)
        #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(directory.path) })
    }

    private func cases(_ outcome: String, in text: String) -> Set<String> {
        let mark = "--- \(outcome): TestSnapshotter/"
        return Set(
            text.split(separator: "\n").compactMap { line in
                line.firstRange(of: mark).map { line[$0.upperBound...].prefix { $0 != " " } }.map(String.init)
            })
    }
}
