import HostSystem
import TestSupport

/// What the system tests share: a registry with the real image, ordinary and converted, made once for all of them.
///
/// Never torn down by itself: the guardian of TestSupport ends the registry with the test process, whose end removes its directory.
final class SystemFixture: Sendable {
    let registry: RegistryServer
    /// OCI layout of the ordinary image.
    let layout: String
    /// Digest that `starling convert` printed for it.
    let converted: String

    /// Repository of the image; tags `plain` and `lazy`.
    static let repository = "debian/python"

    var plain: String { "\(registry.address)/\(SystemFixture.repository):plain" }
    var lazy: String { "\(registry.address)/\(SystemFixture.repository):lazy" }

    /// The only one; what was thrown when it was made is thrown again for each test.
    static func shared() throws -> SystemFixture { try result.get() }

    private static let result = Result { try SystemFixture() }

    private init() throws {
        try requireRoot()
        try requireFuse()
        for name in ["skopeo", "umoci", "crun"] { try requireProgram(name) }
        layout = try TestImages.python()
        registry = try RegistryServer()
        try registry.push("oci:\(layout):latest", as: SystemFixture.repository + ":plain")
        let source = "\(registry.address)/\(SystemFixture.repository):plain"
        let target = "\(registry.address)/\(SystemFixture.repository):lazy"
        converted = try Starling.succeed(["convert", source, target], deadline: .seconds(600)).outputText
    }

    /// Size of the image's only layer in bytes.
    func layerSize(_ tag: String) throws -> Int {
        let manifest = try run(
            "skopeo", ["inspect", "--raw", "--tls-verify=false", "docker://\(registry.address)/\(SystemFixture.repository):\(tag)"])
        let sizes = manifest.outputText.split(separator: "\"layers\"").last?.matches(of: #/"size":\s*(\d+)/#).compactMap { Int($0.1) }
        guard let sizes, !sizes.isEmpty else { throw TestFailure("no layer in the manifest of \(tag): \(manifest.outputText)") }
        return sizes.reduce(0, +)
    }
}

/// The command line under test.
enum Starling {
    /// Runs it to its end, whatever that is.
    static func run(_ arguments: [String], deadline: Duration = .seconds(120)) throws -> Program.Result {
        try Program.run(Places.product("starling"), arguments, deadline: deadline)
    }

    /// Runs it and fails unless it ends with 0.
    @discardableResult
    static func succeed(_ arguments: [String], deadline: Duration = .seconds(120)) throws -> Program.Result {
        let result = try run(arguments, deadline: deadline)
        guard result.status == 0 else {
            throw TestFailure("starling \(arguments.joined(separator: " ")) ended with \(result.status): \(result.errorText.suffix(2000))")
        }
        return result
    }

    /// Starts it and goes on.
    static func start(_ arguments: [String], environment: [String]? = nil) throws -> RunningProgram {
        try RunningProgram(Places.product("starling"), arguments, environment: environment)
    }
}

/// What runs have left in a store's directories for what is going on, and of containers; nothing, once they have ended and are removed.
func bundles(in root: String) throws -> [String] {
    try ["/run", "/containers", "/names"].flatMap { Files.exists(root + $0) ? try Files.entries(root + $0) : [] }
}

/// What a machine has that must be the same before and after: mounts, control groups, processes of ours.
struct MachineState: Equatable, CustomStringConvertible {
    private let mounts: [String]
    private let groups: [String]

    init() throws {
        let ours = try Mounts.mountPoints().filter { $0.type == "overlay" || $0.type == "erofs" || $0.type.hasPrefix("fuse") }
        mounts = ours.map { "\($0.path) (\($0.type))" }
        groups = try containerControlGroups()
    }

    var description: String { "mounts \(mounts), control groups \(groups)" }

    /// Ids of processes whose command line has a word that contains `text`.
    static func processes(mentioning text: String) throws -> [Int32] {
        try Files.entries("/proc").compactMap(Int32.init).filter { process in
            // A process may end while we look.
            guard let line = try? Files.read("/proc/\(process)/cmdline", limit: 4 << 20) else { return false }
            return String(decoding: line, as: UTF8.self).contains(text)
        }
    }
}
