import FoundationEssentials
import Testing

/// The walls between the rooms: SwiftPM lets an undeclared import of a transitively reachable module pass, so the imports are read here.
@Suite("The rooms of the package")
struct RoomsTests {
    @Test("a file imports only what Package.swift lists for its room")
    func imports() throws {
        let package = try PackageTable(Repository.read("Package.swift"))
        #expect(package.rooms.count > 20, "Package.swift was not understood")
        var wrong: [String] = []
        for (room, allowed) in package.rooms.sorted(by: { $0.key < $1.key }) {
            for file in try Repository.swiftFiles("Sources/" + room) {
                for found in ImportLine.all(in: try Repository.read(file)) where !allowed.contains(found.module) {
                    if ImportLine.everywhere.contains(found.module) { continue }
                    wrong.append("\(file):\(found.line): \(room) may not import \(found.module)")
                }
            }
        }
        #expect(wrong.isEmpty, "\(wrong.joined(separator: "\n"))")
    }

    @Test("every folder of Sources is a room of Package.swift, and every room has its folder")
    func folders() throws {
        let package = try PackageTable(Repository.read("Package.swift"))
        let folders = try Set(Repository.entries("Sources"))
        #expect(folders == Set(package.rooms.keys).union(package.edges))
    }

    @Test("every folder of Tests is a target of Package.swift: tests that nobody builds pass for ever")
    func testTargets() throws {
        let manifest = try Repository.read("Package.swift")
        for folder in try Repository.entries("Tests") where folder.hasSuffix("Tests") {
            #expect(manifest.contains("\"\(folder)\""), "\(folder)")
        }
    }

    @Test("full Foundation, with its 40 MB of ICU tables, is imported nowhere in what ships")
    func foundation() throws {
        var wrong: [String] = []
        for room in try Repository.entries("Sources") {
            for file in try Repository.swiftFiles("Sources/" + room) {
                for found in ImportLine.all(in: try Repository.read(file)) where found.module == "Foundation" {
                    wrong.append("\(file):\(found.line)")
                }
            }
        }
        #expect(wrong.isEmpty, "import FoundationEssentials instead: \(wrong.joined(separator: ", "))")
    }

    @Test(
        "import lines are found with any modifier, and only there",
        arguments: [
            ("import OCI", "OCI"), ("public import OCI", "OCI"), ("internal import OCI", "OCI"), ("  @testable import OCI", "OCI"),
            ("@preconcurrency public import OCI", "OCI"), ("import struct OCI.Digest", "OCI"), ("import OCI.Reference", "OCI"),
            ("import OCI // why", "OCI"), ("// import OCI", nil), ("let importOCI = 1", nil), ("/// import OCI", nil),
        ])
    func parsing(line: String, module: String?) {
        #expect(ImportLine.all(in: "\n" + line).first?.module == module)
    }

    @Test("a room's dependencies are read from Package.swift, variables for products included")
    func table() {
        let package = PackageTable(
            """
            let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
                library("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
                .target(name: "CLinux"),
                room("Tar"),
                room(
                    "Big",
                    ["Tar", "CZlib", log]),
                .executableTarget(
                    name: "tool",
                    dependencies: ["Big"],
                tests("TarTests", ["Tar"]),
            """)
        #expect(package.rooms == ["Tar": [], "Big": ["Tar", "CZlib", "Logging"], "tool": ["Big"]])
        #expect(package.edges == ["CZlib", "CLinux"])
    }
}
