import ArgumentParser
import LazyFS

/// How lazy layers are shown to whoever reads them.
struct ServingArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How lazy layers are shown: native (the kernel mounts the tree), fuse, or auto, native where the kernel can.",
            valueName: "auto|native|fuse"),
        transform: ServingArguments.mode)
    var mode = ServingMode.auto

    private static func mode(_ text: String) throws -> ServingMode {
        guard let mode = ServingMode(rawValue: text) else { throw ValidationError("--mode \(text): expected auto, native or fuse") }
        return mode
    }
}
