import Testing

@testable import ContainerRun

@Suite("Options of a container")
struct OptionTests {
    @Test(
        "capabilities are docker's defaults, and what is added to and taken from them",
        arguments: [
            ([], [], 14), (["ALL"], [], 41), ([], ["ALL"], 0), (["CAP_SYS_ADMIN"], ["ALL"], 1), (["ALL"], ["CAP_CHOWN"], 40),
            (["CAP_SYS_ADMIN"], ["CAP_CHOWN"], 14), (["CAP_CHOWN"], ["CAP_CHOWN"], 14),
        ] as [([String], [String], Int)])
    func capabilities(added: [String], dropped: [String], count: Int) {
        var changes = CapabilityChanges()
        (changes.added, changes.dropped) = (added, dropped)
        #expect(changes.capabilities(isPrivileged: false, bounding: .max).count == count)
        #expect(changes.capabilities(isPrivileged: true, bounding: .max).count == 41)
        #expect(changes.capabilities(isPrivileged: true, bounding: 1) == ["CAP_CHOWN"], "not more than this process has")
    }

    @Test("capabilities have docker's spellings")
    func capabilityNames() throws {
        for text in ["net_admin", "NET_ADMIN", "cap_net_admin"] { #expect(try Capabilities.parse(text) == "CAP_NET_ADMIN") }
        #expect(try Capabilities.parse("all") == "ALL")
        for text in ["", "what", "CAP_ALL"] { #expect(throws: InvalidOption.self) { try Capabilities.parse(text) } }
    }

    @Test("limits of processes are a soft and a hard one")
    func processLimits() throws {
        #expect(try ProcessLimit(parsing: "nofile=1:2") == ProcessLimit(type: "RLIMIT_NOFILE", soft: 1, hard: 2))
        #expect(try ProcessLimit(parsing: "core=0") == ProcessLimit(type: "RLIMIT_CORE", soft: 0, hard: 0))
        #expect(try ProcessLimit(parsing: "core=1:unlimited").hard == .max)
        for text in ["", "core", "core=", "what=1", "core=2:1", "core=1:2:3", "core=x", "core=-2"] {
            #expect(throws: InvalidOption.self, "\(text)") { try ProcessLimit(parsing: text) }
        }
    }

    @Test("devices have a place and an access")
    func devices() throws {
        let full = try DeviceMapping(parsing: "/dev/null:/dev/other:r")
        #expect(full.source == "/dev/null" && full.destination == "/dev/other" && full.access == "r")
        #expect(try DeviceMapping(parsing: "/dev/null:rw").destination == "/dev/null")
        let device = try #require(try full.devices().first)
        #expect(device.type == "c" && device.major == 1 && device.minor == 3 && device.path == "/dev/other")
        #expect(throws: ContainerError.noDevice("/etc/passwd")) { try DeviceMapping(parsing: "/etc/passwd").devices() }
        #expect(try DeviceMapping.all().contains { $0.path == "/dev/null" })
        for text in ["", "null", "/dev/null:x", "/dev/null:/dev/a:/dev/b", "/dev/null:"] {
            #expect(throws: InvalidOption.self, "\(text)") { try DeviceMapping(parsing: text) }
        }
    }

    @Test("hosts are a name and an address")
    func hosts() throws {
        #expect(try HostEntry(parsing: "a:1.2.3.4").line(gateway: "") == "1.2.3.4\ta\n")
        #expect(try HostEntry(parsing: "a:::1").address == "::1" && HostEntry(parsing: "a=[::1]").address == "::1")
        #expect(try HostEntry(parsing: "a:host-gateway").line(gateway: "10.0.0.1") == "10.0.0.1\ta\n")
        for text in ["", "a", ":1.2.3.4", "a:", "a:1.2.3", "a:b", "a b:1.2.3.4"] {
            #expect(throws: InvalidOption.self, "\(text)") { try HostEntry(parsing: text) }
        }
    }

    @Test("security options are docker's; what cannot be here is refused")
    func security() throws {
        var settings = SecuritySettings()
        for option in ["no-new-privileges", "seccomp=unconfined", "apparmor=mine", "systempaths=unconfined", "label=disable"] {
            try settings.take(option: option)
        }
        #expect(settings.forbidsNewPrivileges && settings.seccomp == .unconfined && settings.appArmorProfile == "mine")
        #expect(settings.showsSystemPaths)
        try settings.take(option: "no-new-privileges:false")
        try settings.take(option: "seccomp=/a/b=c")
        try settings.take(option: "apparmor=unconfined")
        #expect(!settings.forbidsNewPrivileges && settings.seccomp == .file("/a/b=c") && settings.appArmorProfile == nil)
        for text in ["", "what", "seccomp", "seccomp=", "label=type:x", "no-new-privileges=perhaps"] {
            #expect(throws: InvalidOption.self, "\(text)") { try settings.take(option: text) }
        }
    }

    @Test("a file of variables has one a line, as it stands")
    func environmentFile() throws {
        let text = "# comment\n\nA=1\n  B=\"x y\" \nOURS\nMISSING\nC=\n"
        #expect(try EnvironmentFile.parse(text, name: "f") { $0 == "OURS" ? "here" : nil } == ["A=1", "B=\"x y\" ", "OURS=here", "C="])
        for text in ["=x", "A B=x"] { #expect(throws: InvalidOption.self) { try EnvironmentFile.parse(text, name: "f") { _ in nil } } }
    }

    @Test("kernels are compared by their first two numbers")
    func kernels() throws {
        let versions = ["4.8", "5.10.0-1", "6.1", "6.18.44-fc"].compactMap(KernelVersion.init)
        #expect(versions.count == 4 && versions == versions.sorted())
        #expect(KernelVersion("x") == nil && KernelVersion("6") == nil)
        #expect(Machine.boundingCapabilities("Name:\tx\nCapBnd:\t00000000a80425fb\n") == 0xa804_25fb)
    }
}

@Suite("Ports and networks")
struct PortTests {
    private func port(_ host: UInt16?, _ inside: UInt16, _ transport: String = "tcp", _ address: String? = nil) -> PortMapping {
        PortMapping(address: address, hostPort: host, containerPort: inside, transport: transport)
    }

    @Test("published ports are docker's: address, ports, ranges, transports")
    func ports() throws {
        #expect(try PortMapping.parse("80") == [port(nil, 80)] && PortMapping.parse(":80") == [port(nil, 80)])
        #expect(try PortMapping.parse("8080:80/UDP") == [port(8080, 80, "udp")])
        #expect(try PortMapping.parse("127.0.0.1:8080:80") == [port(8080, 80, "tcp", "127.0.0.1")])
        #expect(try PortMapping.parse("[::1]:8080:80") == [port(8080, 80, "tcp", "::1")])
        #expect(try PortMapping.parse("127.0.0.1::80") == [port(nil, 80, "tcp", "127.0.0.1")])
        #expect(try PortMapping.parse("8000-8001:90-91") == [port(8000, 90), port(8001, 91)])
        #expect(port(8080, 80).description == "0.0.0.0:8080->80/tcp")
        for text in ["", "x", "80/what", "0", "70000", "1:2:3:4", "8000-8001:90", "9-8", "a:1:2", "80:"] {
            #expect(throws: InvalidOption.self, "\(text)") { try PortMapping.parse(text) }
        }
    }

    @Test("a container behind the bridge is told no resolver of the machine's own loopback")
    func resolvers() throws {
        let both = "search a\nnameserver 127.0.0.53\nnameserver 192.0.2.1\n"
        #expect(try HostFiles.reachable(Array(both.utf8)) == Array("search a\nnameserver 192.0.2.1\n".utf8))
        let none = Array("nameserver 192.0.2.1\n".utf8)
        #expect(try HostFiles.reachable(none) == none)
        let local = Array("nameserver 127.0.0.53\n".utf8)
        #expect(try HostFiles.reachable(local, behindResolved: "/no/such/file") == Array("\n".utf8))
    }
}
