// swift-tools-version: 6.2
import PackageDescription

// Benchmarks of single rooms; what compares whole programs is a script beside this. A package of its own, so that what it needs is not the
// product's: `make bench-toc`.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

func room(_ name: String) -> Target.Dependency { .product(name: name, package: "starling") }

let package = Package(
    name: "starling-bench",
    dependencies: [.package(name: "starling", path: "..")],
    targets: [
        .executableTarget(
            name: "bench-toc", dependencies: ["EStargz", "TreeImage", "Digests"].map(room), path: "toc", swiftSettings: settings)
    ]
)
