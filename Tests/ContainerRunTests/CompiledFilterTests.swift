import FoundationEssentials
import Glibc
import HostSystem
import OCI
import TestSupport
import Testing

@testable import ContainerRun

@Suite("compiled filters of system calls")
struct CompiledFilterTests {
    private let directory: TemporaryDirectory
    private let runtime: ContainerRuntime
    private let filters: CompiledFilters
    private let container: ContainerDirectory
    private let profile = JSONValue.object(["defaultAction": .string("SCMP_ACT_ERRNO")])

    init() throws {
        directory = try TemporaryDirectory()
        let program = directory.path + "/crun"
        try AtomicFile.write([], to: program, mode: 0o755)
        runtime = try ContainerRuntime(program)
        filters = try #require(CompiledFilters(root: directory.path, runtime))
        container = try ContainerDirectory(id: ContainerID.make(), root: directory.path)
        try Files.makeDirectories(container.path + "/runtime/" + container.id)
    }

    private func compile(_ bytes: [UInt8]) throws {
        try AtomicFile.write(bytes, to: container.path + "/runtime/" + container.id + "/seccomp.bpf")
    }

    private func file() throws -> String {
        directory.path + "/filters/" + (try #require(Files.entries(directory.path + "/filters").first))
    }

    @Test("what the runtime has made of a profile is given to the next container")
    func kept() throws {
        let name = try #require(filters.name(of: profile))
        #expect(filters.annotation(name) == nil)
        // Ended before anybody looked.
        try filters.keep(name, of: container)
        #expect(!Files.exists(directory.path + "/filters"))
        let program = (0..<16).map { UInt8($0) }
        try compile(program)
        try filters.keep(name, of: container)
        let annotation = try #require(filters.annotation(name))
        #expect(annotation.key == "run.oci.seccomp_bpf_data" && Data(base64Encoded: annotation.value).map(Array.init) == program)
        #expect(try filters.annotation(#require(filters.name(of: .object([:])))) == nil)
    }

    @Test("of another runtime, or the same after an update, it is another one; runc takes none")
    func names() throws {
        let name = filters.name(of: profile)
        #expect(name == filters.name(of: profile) && name != filters.name(of: .object([:])))
        try AtomicFile.write([1], to: runtime.program, mode: 0o755)
        #expect(filters.name(of: profile) != name)
        try AtomicFile.write([], to: directory.path + "/runc", mode: 0o755)
        #expect(try CompiledFilters(root: directory.path, ContainerRuntime(directory.path + "/runc")) == nil)
        #expect(filters.name(of: .object(["flags": .array([.string("SECCOMP_FILTER_FLAG_LOG")])])) == nil)
    }

    @Test("what is no program is not kept", arguments: [[], [1, 2, 3], [UInt8](repeating: 0, count: 4097 * 8)])
    func noProgram(bytes: [UInt8]) throws {
        try compile(bytes)
        try filters.keep(#require(filters.name(of: profile)), of: container)
        #expect(!Files.exists(directory.path + "/filters"))
    }

    @Test("a damaged file, an empty one, and one of yesterday are not used")
    func notUsed() throws {
        let name = try #require(filters.name(of: profile))
        try compile([UInt8](repeating: 7, count: 64))
        try filters.keep(name, of: container)
        let (path, good) = (try file(), try Files.read(file(), limit: 4096))
        for bytes in [[], Array(good.prefix(64)), good.dropLast(8), good.map { $0 == 7 ? 6 : $0 }] {
            try AtomicFile.write(Array(bytes), to: path)
            #expect(filters.annotation(name) == nil)
        }
        try AtomicFile.write(good, to: path)
        #expect(filters.annotation(name) != nil)
        var times = [timespec(tv_sec: time(nil) - 90_000, tv_nsec: 0), timespec(tv_sec: time(nil) - 90_000, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, path, &times, 0) == 0)
        #expect(filters.annotation(name) == nil)
    }

    @Test("there are never more than a bound")
    func bound() throws {
        try compile([UInt8](repeating: 7, count: 8))
        for number in 0..<70 {
            try filters.keep(#require(filters.name(of: .object(["a": .integer(Int64(number))]))), of: container)
            #expect(try Files.entries(directory.path + "/filters").count <= 64)
        }
        #expect(try filters.annotation(#require(filters.name(of: .object(["a": .integer(69)])))) != nil)
    }
}
