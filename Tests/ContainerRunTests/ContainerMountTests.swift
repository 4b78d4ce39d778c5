import Testing

@testable import ContainerRun

@Suite("Mounts of the command line")
struct ContainerMountTests {
    @Test("-v has a source, a place and options, as docker's")
    func volumes() throws {
        let plain = try ContainerMount(volume: "./a b:/data/")
        #expect(plain.source == .path("./a b") && plain.destination == "/data" && !plain.isReadOnly && plain.makesSource)
        let full = try ContainerMount(volume: "/etc:/x/./y:ro,z,rslave,nocopy")
        #expect(
            full.source == .path("/etc") && full.destination == "/x/y" && full.isReadOnly && full.propagation == .rslave
                && !full.copiesImage)
        #expect(try ContainerMount(volume: "data:/data").source == .volume("data"))
        #expect(try ContainerMount(volume: "/data").source == .ownVolume)
    }

    @Test(
        "what -v cannot be is refused",
        arguments: [
            "", ":", "a:", "/a:/b:/c:/d", "/a:b", "/a:/", "/a:/b/../c", "/a:/b:what", "x:/y", "-x:/y", "a/b:/y", "/a:/b:rshared", "data",
            "/",
        ])
    func badVolumes(text: String) {
        #expect(throws: InvalidOption.self) { try ContainerMount(volume: text) }
    }

    @Test("--mount has the same by fields, and a missing source is no directory")
    func fields() throws {
        let bind = try ContainerMount(fields: "type=bind,source=/etc,target=/x,readonly,bind-propagation=rslave,bind-nonrecursive=true")
        #expect(bind.source == .path("/etc") && bind.destination == "/x" && bind.isReadOnly && !bind.makesSource && !bind.isRecursive)
        let other = try ContainerMount(fields: "type=bind,src=../x,dst=/x,ro=false")
        #expect(other.source == .path("../x") && !other.isReadOnly)
        #expect(try ContainerMount(fields: "source=data,destination=/x").source == .volume("data"))
        #expect(try ContainerMount(fields: "type=volume,target=/x,volume-nocopy").copiesImage == false)
        let memory = try ContainerMount(fields: "type=tmpfs,target=/x,tmpfs-size=1m,tmpfs-mode=700")
        #expect(memory.source == .memory(options: ["noexec", "nosuid", "nodev", "size=1m", "mode=700"]))
    }

    @Test(
        "what --mount cannot be is refused",
        arguments: [
            "type=bind,target=/x", "type=bind,source=/a", "type=what,target=/x", "type=bind,source=/a,src=/b,target=/x",
            "type=tmpfs,source=/a,target=/x", "type=bind,source=/a,target=/x,tmpfs-size=1",
            "type=bind,source=/a,target=/x,readonly=perhaps",
            "type=bind,source=/a,target=x", "type=volume,source=/a,target=/x", "type=bind,source=/a,target=/x,what",
        ])
    func badFields(text: String) {
        #expect(throws: InvalidOption.self) { try ContainerMount(fields: text) }
    }

    @Test("--tmpfs has docker's defaults, which their opposites replace")
    func memory() throws {
        #expect(try ContainerMount(tmpfs: "/run").source == .memory(options: ["noexec", "nosuid", "nodev"]))
        #expect(try ContainerMount(tmpfs: "/run:exec,size=1m").source == .memory(options: ["nosuid", "nodev", "exec", "size=1m"]))
    }
}
