import ArgumentParser
import ContainerdClient
import Digests
import OCI
import Registry

/// `starling pull --containerd ADDRESS REF`.
struct Pull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Pull an image into containerd, lazily where its layers allow it.",
        discussion: """
            A line for each layer says whether it is lazy, and if not, why. The daemon fetches lazy layers later, with credentials of its own.

            Examples:
              starling pull --containerd /run/containerd/containerd.sock registry.example.org/app:1-esgz
              ctr run --rm --snapshotter stargz registry.example.org/app:1-esgz app
              starling pull --namespace k8s.io --lazy require --label owner=team registry.example.org/app:1-esgz
            """)

    @OptionGroup var registry: RegistryArguments
    @OptionGroup var containerd: ContainerdArguments
    @OptionGroup var platforms: PlatformArguments

    @Option(help: "Name of the snapshotter in containerd's configuration.")
    var snapshotter = "stargz"

    @Option(
        help: ArgumentHelp(
            "prefer: layers that cannot be lazy are downloaded and unpacked; require: they fail the pull; never: all are. (default: prefer)",
            valueName: "prefer|require|never"),
        transform: Pull.lazy)
    var lazy = PullWishes.Lazy.prefer

    @Option(name: .customLong("label"), help: ArgumentHelp("Label of the image in containerd (repeatable).", valueName: "key=value"))
    var labels: [String] = []

    @Option(help: "How progress is shown: auto, plain, json or none.")
    var progress = ProgressStyle.auto

    @Argument(help: "The image.")
    var image: String

    private static func lazy(_ text: String) throws -> PullWishes.Lazy {
        guard let choice = PullWishes.Lazy(rawValue: text) else {
            throw ValidationError("--lazy \(text): expected prefer, require or never")
        }
        return choice
    }

    func validate() throws {
        for label in labels where label.first == "=" || !label.contains("=") {
            throw ValidationError("--label \(label): expected key=value")
        }
    }

    func run() async throws {
        let labels = labels.map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init) }
        let wishes = PullWishes(
            platforms: platforms.choice, lazy: lazy, labels: Dictionary(labels.map { ($0[0], $0[1]) }, uniquingKeysWith: { $1 }))
        try await ImagePull(registry: registry, options: containerd.options(snapshotter: snapshotter), progress: progress, wishes: wishes)
            .run(image) { try await $0.run() }
    }
}

/// `starling materialize REF`.
struct Materialize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fetch what containerd's content store lacks of an image that was pulled lazily, so that it can be exported and pushed.",
        discussion: """
            Containers need none of it. Blobs come byte for byte from where the image was pulled; what is there already is not fetched again.

            Examples:
              starling materialize registry.example.org/app:1-esgz
              ctr image export app.tar registry.example.org/app:1-esgz
            """)

    @OptionGroup var registry: RegistryArguments
    @OptionGroup var containerd: ContainerdArguments
    @OptionGroup var platforms: PlatformArguments

    @Option(help: "How progress is shown: auto, plain, json or none.")
    var progress = ProgressStyle.auto

    @Argument(help: "The image, by its name in containerd.")
    var image: String

    func run() async throws {
        let wishes = PullWishes(platforms: platforms.choice)
        try await ImagePull(registry: registry, options: containerd.options(), progress: progress, wishes: wishes)
            .run(image) { try await $0.materialize() }
    }
}

/// What both commands do around their work.
private struct ImagePull {
    let registry: RegistryArguments
    let options: ContainerdOptions
    let progress: ProgressStyle
    let wishes: PullWishes

    func run(_ image: String, _ work: @escaping @Sendable (ContainerdPull) async throws -> ContainerdPull.Result) async throws {
        let reference = try Reference(parsing: image)
        let client = try registry.client()
        defer { client.shutdown() }
        let display = PullDisplay(progress)
        defer { display.end() }
        let pull = ContainerdPull(
            reference: reference, source: RegistrySource(client: client, reference: reference), options: options, wishes: wishes
        ) { display.show($0) }
        let result = try await Interruption.cancels { try await work(pull) }
        try Terminal.result("\(reference) \(result.target.digest)")
    }
}
