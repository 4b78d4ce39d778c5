// swift-tools-version: 6.2
import PackageDescription

// One target per room of docs/architecture.md. An arrow that is not listed here is wrong:
// Tests/RoomsTests reads the imports of every file and compares them with these lists.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

// Generated code is not ours to warn about.
let generatedSettings: [SwiftSetting] = [.swiftLanguageMode(.v6)]

// lld, because it packs relocations: of the programs' 150,000, which the loader reads and the process keeps mapped, 3.4 MB become 50 KB. What
// that needs of glibc, 2.36, Debian 12's libraries need anyway. And nothing looks symbols up in a program by name: without the table of all
// public ones two more MB need not be loaded.
let linking: [LinkerSetting] = [
    .unsafeFlags([
        "-use-ld=lld", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs", "-Xlinker", "--no-export-dynamic",
    ])
]

// What `starling` starts the faster without. Of full Foundation, with 30 MB of tables of the world's languages, it needs nothing: one library asks for it by
// name, and a few functions of FoundationEssentials, found there, bring all of it along. libstdc++, from which little is needed, as an archive: the shared
// library has the loader look up four thousand names.
let fastStart: [LinkerSetting] = [
    .unsafeFlags(
        ["libFoundation.a", "libFoundationInternationalization.a", "lib_FoundationICU.a", "libstdc++.so"].flatMap {
            ["-Xlinker", "--remap-inputs=*/\($0)=/dev/null"]
        } + ["-Xlinker", "-l:libstdc++.a"], .when(configuration: .release))
]

func room(
    _ name: String, _ dependencies: [Target.Dependency] = [], embedding resources: [String] = [], settings: [SwiftSetting] = settings
) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources.map { .embedInCode($0) }, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func library(_ name: String, pkgConfig: String?, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let grpcCore: Target.Dependency = .product(name: "GRPCCore", package: "grpc-swift-2")
let grpcTransport: Target.Dependency = .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport")
let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let grpcProtobuf: Target.Dependency = .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let toml: Target.Dependency = .product(name: "TOMLKit", package: "TOMLKit")

let package = Package(
    name: "starling",
    products: [
        .executable(name: "starling", targets: ["starling"]),
        .executable(name: "starlingd", targets: ["starlingd"]),
        // For bench/, a package of its own.
        .library(name: "Digests", targets: ["Digests"]),
        .library(name: "EStargz", targets: ["EStargz"]),
        .library(name: "TreeImage", targets: ["TreeImage"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        // The edge: C libraries.
        library("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        library("CDeflate", pkgConfig: "libdeflate", apt: "libdeflate-dev"),
        library("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
        library("CFuse", pkgConfig: "fuse3", apt: "libfuse3-dev"),
        library("CYaml", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
        // Not by pkg-config, which says how to link the shared library.
        library("CCrypto", pkgConfig: nil, apt: "libssl-dev"),
        // Of libcurl4-openssl-dev it takes the header: the library is loaded when it is needed.
        .target(name: "CCurl"),
        .target(name: "CLinux"),
        .target(name: "CAtomics"),
        room("Threads", ["CLinux"]),
        room("Metrics", ["CAtomics"]),
        room("StartTrace", ["Metrics"], embedding: ["page.css", "page.html", "page.js", "waterfall.js", "tables.js"].map { "Page/" + $0 }),

        // Pure rooms: bytes in, values out.
        room("Digests", ["CCrypto"]),
        room("Compression", ["CZlib", "CDeflate", "CZstd"]),
        room("Tar"),
        room("EStargz", ["Digests", "Compression", "Tar", "Threads", "CLinux"]),
        room("OCI", ["Digests", "Tar", "Threads", "HostSystem"]),
        room("EROFS"),
        room("TreeImage", ["Digests", "EStargz", "EROFS", "HostSystem"]),

        // Rooms with an edge.
        room("HostSystem", ["EROFS", "CLinux", "Threads"]),
        room("Registry", ["Digests", "OCI", "HostSystem", "Threads", "StartTrace", "CCurl"]),
        room("Profiles", ["Digests", "OCI", "Registry"]),
        room("ChunkStore", ["Digests", "TreeImage", "HostSystem", "CAtomics", "CLinux"]),
        room(
            "FetchEngine",
            [
                "Digests", "Compression", "EStargz", "OCI", "TreeImage", "Registry", "ChunkStore", "HostSystem", "Threads", "CAtomics",
                "Metrics", "StartTrace", log,
            ]),
        room(
            "LazyFS",
            [
                "Digests", "TreeImage", "ChunkStore", "FetchEngine", "OCI", "Registry", "HostSystem", "Threads", "CFuse", "CLinux",
                "CAtomics", "Metrics", "StartTrace",
                log,
            ]),
        room(
            "AdditionalStore",
            ["Digests", "OCI", "Registry", "LazyFS", "FetchEngine", "ChunkStore", "TreeImage", "HostSystem", "Threads", log]),
        room("Snapshots", ["Digests", "OCI", "HostSystem", "Threads", grdb, log]),
        room("ContainerdAPI", [grpcCore, grpcProtobuf, protobuf], settings: generatedSettings),
        room("Keychains", ["OCI", "Registry", "HostSystem", "Threads", "CYaml", log]),
        room("SnapshotService", ["Snapshots", "Keychains", "HostSystem", "ContainerdAPI", grpcCore, grpcProtobuf, protobuf, log]),
        room("Daemons", ["Digests", "OCI", "HostSystem"]),
        room(
            "ContainerdClient",
            ["Digests", "OCI", "HostSystem", "Threads", "Daemons", "ContainerdAPI", grpcCore, grpcTransport, grpcProtobuf, protobuf, nio]),
        room("StatusAPI", ["OCI", "Daemons", grpcCore, grpcTransport]),
        room("Conversion", ["Digests", "Compression", "Tar", "EStargz", "OCI", "HostSystem", "Threads"]),
        room(
            "Inspection",
            ["Digests", "Compression", "Tar", "EStargz", "OCI", "TreeImage", "FetchEngine", "HostSystem", "Threads"]),
        room(
            "ContainerRun",
            ["Digests", "Compression", "Tar", "EStargz", "OCI", "HostSystem", "StartTrace", "Threads", "CLinux"]),
        room("Configuration", ["Registry", "HostSystem", "Metrics", toml]),
        room("MetricsService", ["Metrics", nio, nioPosix, nioHTTP]),

        room(
            "Commands",
            [
                "Digests", "OCI", "EStargz", "Registry", "Conversion", "Inspection", "ContainerRun", "Daemons", "FetchEngine",
                "ChunkStore", "TreeImage", "LazyFS", "AdditionalStore", "Configuration", "HostSystem", "StartTrace", "Threads", "Profiles",
                arguments, log,
            ]),

        // The two programs: argument parsing, configuration, wiring. The first has no gRPC in it, and starts in half the time.
        .executableTarget(
            name: "starling", dependencies: ["Commands"], swiftSettings: settings, linkerSettings: linking + fastStart),
        .executableTarget(
            name: "starlingd",
            dependencies: [
                "Digests", "OCI", "Registry", "TreeImage", "ChunkStore", "FetchEngine", "LazyFS", "Snapshots", "SnapshotService",
                "ContainerdClient", "Keychains", "Configuration", "StatusAPI", "HostSystem", "Threads", "Metrics", "MetricsService",
                "Profiles", "Commands", "Daemons",
                arguments, log, lifecycle, unixSignals, nio, nioPosix, grpcCore, grpcTransport,
            ],
            swiftSettings: settings, linkerSettings: linking),

        // Tests: a mirror of Sources, then what needs a kernel (root, /dev/fuse), then what needs servers.
        .target(
            name: "TestSupport", dependencies: ["HostSystem", "Digests", "OCI", "Tar", "EStargz", "TreeImage", "CLinux", "Threads"],
            path: "Tests/TestSupport", swiftSettings: settings),
        .target(
            name: "CRIRuntimeAPI", dependencies: ["ContainerdAPI", grpcCore, grpcProtobuf, protobuf], path: "Tests/CRIRuntimeAPI",
            swiftSettings: generatedSettings),
        .target(
            name: "FuzzSurfaces",
            dependencies: [
                "Digests", "Compression", "Tar", "EStargz", "OCI", "EROFS", "TreeImage", "ContainerRun", "HostSystem", "CLinux",
            ],
            path: "Tests/FuzzSurfaces", swiftSettings: settings),
        tests("FuzzTests", ["FuzzSurfaces", "HostSystem", "TestSupport"]),
        tests("RoomsTests", []),
        tests("ThreadsTests", ["Threads"]),
        tests("StartTraceTests", ["StartTrace"]),
        tests("MetricsTests", ["Metrics", "MetricsService", "HostSystem", "TestSupport"]),
        tests("DigestsTests", ["Digests"]),
        tests("CompressionTests", ["Compression", "TestSupport"]),
        tests("TarTests", ["Tar"]),
        tests("EStargzTests", ["EStargz", "Digests", "Compression", "Tar", "OCI", "TestSupport"]),
        tests("HostSystemTests", ["HostSystem", "EROFS", "Threads", "TestSupport"]),
        tests("ContainerdClientTests", ["ContainerdClient", "Daemons", "OCI", "Digests", nio, nioEmbedded]),
        tests("OCITests", ["OCI", "Digests", "HostSystem", "TestSupport"]),
        tests("EROFSTests", ["EROFS"]),
        tests("TreeImageTests", ["TreeImage", "EStargz", "EROFS", "Digests", "HostSystem", "TestSupport"]),
        tests("RegistryTests", ["Registry", "OCI", "Digests", "HostSystem", "Threads", "TestSupport"]),
        tests("ChunkStoreTests", ["ChunkStore", "TreeImage", "EStargz", "OCI", "Digests", "HostSystem"]),
        tests(
            "FetchEngineTests",
            [
                "FetchEngine", "Registry", "ChunkStore", "TreeImage", "EStargz", "Tar", "OCI", "Digests", "HostSystem", "Threads",
                "TestSupport",
                log,
            ]),
        tests("AdditionalStoreTests", ["AdditionalStore", "LazyFS", "OCI", "Digests", "HostSystem", log]),
        tests("SnapshotsTests", ["Snapshots", "Digests", "OCI", "HostSystem", log]),
        tests("ProfilesTests", ["Profiles", "OCI", "Registry", "Digests", "HostSystem", "TestSupport"]),
        tests("ConversionTests", ["Conversion", "EStargz", "OCI", "Registry", "Digests", "HostSystem", "TestSupport"]),
        tests(
            "InspectionTests",
            ["Inspection", "Conversion", "TreeImage", "EStargz", "FetchEngine", "OCI", "Digests", "HostSystem", "TestSupport"]),
        tests("ContainerRunTests", ["ContainerRun", "OCI", "HostSystem", "TestSupport"]),
        tests("KeychainsTests", ["Keychains", "Registry", "HostSystem", "TestSupport", log]),
        tests("ConfigurationTests", ["Configuration", "Registry", "HostSystem"]),
        tests(
            "KernelTests",
            [
                "LazyFS", "Conversion", "FetchEngine", "Registry", "ChunkStore", "TreeImage", "EStargz", "Compression", "Tar", "OCI",
                "Digests",
                "HostSystem",
                "Threads", "TestSupport", log,
            ]),
        tests(
            "SystemTests",
            [
                "Conversion", "ContainerRun", "ContainerdAPI", "CRIRuntimeAPI", "ContainerdClient", "Daemons", "OCI", "Digests",
                "HostSystem",
                "TestSupport", grpcCore,
                grpcTransport,
                protobuf,
            ]),
    ]
)
