// swift-tools-version: 6.2
import PackageDescription

// The fuzzers: a package of its own, because its flags rebuild everything and none of it ships.
// The rooms are links to the ones they are: SwiftPM has no other way to compile another package's targets with these flags, and no
// dependency of the daemon has to be fetched for it. Run it with fuzz/run.sh, which knows the flags.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "fuzz",
    targets: [
        .systemLibrary(name: "CZlib", pkgConfig: "zlib"),
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate"),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd"),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto"),
        .target(name: "CLinux"),
        room("Threads", ["CLinux"]),
        room("Digests", ["CCrypto"]),
        room("Compression", ["CZlib", "CDeflate", "CZstd"]),
        room("Tar"),
        room("EStargz", ["Digests", "Compression", "Tar", "Threads"]),
        room("OCI", ["Digests", "Tar", "Threads", "HostSystem"]),
        room("EROFS"),
        room("HostSystem", ["CLinux", "Threads"]),
        room("TreeImage", ["Digests", "EStargz", "EROFS", "HostSystem"]),
        room("ContainerRun", ["Digests", "Compression", "Tar", "OCI", "HostSystem", "CLinux"]),
        room(
            "FuzzSurfaces",
            ["Digests", "Compression", "Tar", "EStargz", "OCI", "EROFS", "TreeImage", "ContainerRun", "HostSystem", "CLinux"]),
        // libFuzzer has the main function.
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzSurfaces"], swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]),
    ]
)
