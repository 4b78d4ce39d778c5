import Testing

@testable import Snapshots

@Suite struct SnapshotFilterTests {
    static let info = SnapshotInfo(
        name: "default/7/sha256:abc", parent: "default/6/sha256:def", kind: .committed, created: SnapshotTime(nanoseconds: 1),
        updated: SnapshotTime(nanoseconds: 1),
        labels: ["containerd.io/snapshot.ref": "sha256:abc", "plain": "a b\"c", "a.b": "dotted"])

    @Test(
        "a filter matches what containerd's would",
        arguments: [
            ("", true), ("kind==committed", true), ("kind==active", false), ("kind!=active", true), ("name", true),
            ("name==default/7/sha256:abc", true), ("name~=sha256", true), ("name~=/^default\\/7/", true), ("name~=|^x|", false),
            ("name~=\"ab.$\"", true), (#"name~=/7\/sha\d+:/"#, true), ("labels.plain", true), ("labels.absent", false),
            ("labels.absent!=x", true), ("labels.absent==\"\"", false), ("labels.a.b==dotted", true), ("labels.\"a.b\"==dotted", true),
            ("labels.plain==\"a b\\\"c\"", true), ("labels.plain==\"\\x61 b\\u0022\\143\"", true),
            ("labels.\"containerd.io/snapshot.ref\"==sha256:abc,parent==\"default/6/sha256:def\"", true),
            ("labels.\"containerd.io/snapshot.ref\"==sha256:abc,parent==\"other\"", false),
            ("kind==committed, name~=abc", true), ("unknown", false), ("unknown!=x", true), ("  kind  ==  committed  ", true),
        ])
    func matching(filter: String, isMatch: Bool) throws {
        #expect(try SnapshotFilter(parsing: [filter]).matches(Self.info) == isMatch)
    }

    @Test("several filters are alternatives, and none let everything pass")
    func alternatives() throws {
        #expect(try SnapshotFilter(parsing: []).matches(Self.info))
        #expect(try SnapshotFilter(parsing: ["kind==view", "kind==committed"]).matches(Self.info))
        #expect(try !SnapshotFilter(parsing: ["kind==view", "kind==active"]).matches(Self.info))
    }

    @Test(
        "a filter that does not parse says where and why",
        arguments: [
            ("name=x", 4, "expected an operator: ==, != or ~="), ("name==", 6, "expected a value"), (",name", 0, "expected a field"),
            ("name==a b", 8, "unexpected input"), ("name==\"a", 8, "quoted text does not end"),
            ("name==/a/", 6, "only ~= takes a value in / or |"),
            ("name~=\"(\"", 6, "not a regular expression"), ("labels.", 7, "expected a field"), ("name==\"\\q\"", 9, "unknown escape"),
            ("name==\"\\xg0\"", 9, "expected 2 digits of base 16"), ("name==\"\\777\"", 11, "an octal escape above \\377"),
            ("name==\"\\ud800\"", 13, "no such character"), ("name==\"\\xff\"", 12, "quoted text is not UTF-8"),
            ("name==a,", 8, "expected a field"),
        ])
    func malformed(filter: String, position: Int, reason: String) {
        #expect(throws: SnapshotError.invalidFilter(filter, position: position, reason: reason)) {
            try SnapshotFilter(parsing: [filter])
        }
    }

    @Test("list answers what passes in the order of names, also when the database narrows the rows")
    func list() async throws {
        let bench = try Bench()
        try await bench.commitChain(["b", "a"])
        let snapshotter = try bench.snapshotter()
        _ = try await snapshotter.prepare("z", parent: "a", labels: ["x": "1"])
        #expect(try await snapshotter.list().map(\.name) == ["a", "b", "z"])
        #expect(try await snapshotter.list(filters: ["name==b"]).map(\.name) == ["b"])
        #expect(try await snapshotter.list(filters: ["name==b,kind==active"]).isEmpty)
        #expect(try await snapshotter.list(filters: ["name==b", "labels.x"]).map(\.name) == ["b", "z"])
        #expect(try await snapshotter.list(filters: ["parent==b"]).map(\.name) == ["a"])
    }
}
