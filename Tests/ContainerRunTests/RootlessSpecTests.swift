import OCI
import Testing

@testable import ContainerRun

@Suite("a container's configuration for an ordinary user")
struct RootlessSpecTests {
    private func adapted(_ namespaces: String, hasTerminalGroup: Bool = true) throws -> JSONValue {
        let document = """
            {"process":{"args":["x"]},"linux":{"cgroupsPath":"/x","resources":{"memory":{}},"namespaces":[\(namespaces)],"maskedPaths":["/m"],
            "readonlyPaths":["/r"]},
            "mounts":[{"destination":"/sys","type":"sysfs","source":"sysfs","options":["ro"]},
            {"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup"},
            {"destination":"/dev/pts","type":"devpts","source":"devpts","options":["newinstance","gid=5"]},
            {"destination":"/proc","type":"proc","source":"proc"}]}
            """
        let spec = try Documents.decode(JSONValue.self, from: Array(document.utf8), what: "configuration")
        return RootlessSpec.adapted(spec, hasTerminalGroup: hasTerminalGroup)
    }

    @Test("without a network of its own it sees the machine's sysfs, read-only, and its control groups no better; all else stays")
    func hostNetwork() throws {
        let spec = try adapted(#"{"type":"pid"}"#)
        let linux = try #require(spec["linux"])
        #expect(linux["cgroupsPath"] == nil && linux["resources"] == nil && linux["maskedPaths"] == .array([.string("/m")]))
        #expect(linux["readonlyPaths"] == .array([.string("/r"), .string("/sys/fs/cgroup")]))
        let mounts = try #require(spec["mounts"]?.array)
        #expect(mounts.map { $0["type"] } == [.string("bind"), .string("devpts"), .string("proc")])
        #expect(mounts[0]["options"]?.array?.contains(.string("ro")) == true && mounts[0]["source"] == .string("/sys"))
        #expect(spec["process"] == .object(["args": .array([.string("x")])]))
    }

    @Test("with one it has its own sysfs")
    func ownNetwork() throws {
        let mounts = try #require(try adapted(#"{"type":"network"}"#)["mounts"]?.array)
        #expect(mounts.map { $0["type"] } == [.string("sysfs"), .string("devpts"), .string("proc")])
    }

    @Test("where there is no group 5, terminals belong to nobody in particular", arguments: [true, false])
    func terminals(hasGroup: Bool) throws {
        let mounts = try #require(try adapted("", hasTerminalGroup: hasGroup)["mounts"]?.array)
        let options = [JSONValue.string("newinstance")] + (hasGroup ? [.string("gid=5")] : [])
        #expect(mounts[1]["options"] == .array(options))
    }
}
