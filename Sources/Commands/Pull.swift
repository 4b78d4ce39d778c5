import ArgumentParser
import Daemons
import Digests
import OCI
import Registry

/// `starling pull REF`.
struct Pull: AsyncParsableCommand, UsesPrivateMounts, AsksDaemons {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Pull an image, lazily where its layers allow it: for `starling run`, or into containerd.",
        discussion: """
            Into containerd when its address, namespace or snapshotter is given, as an option or in the environment, or a label; else into the store of \
            `starling run`. A line for each layer says whether it is lazy, and if not, why. containerd's daemon fetches lazy layers later, with \
            credentials of its own.

            Examples:
              starling pull registry.example.org/app:1-esgz
              starling pull --complete registry.example.org/app:1-esgz
              starling pull --containerd /run/containerd/containerd.sock registry.example.org/app:1-esgz
              ctr run --rm --snapshotter stargz registry.example.org/app:1-esgz app
              starling pull --namespace k8s.io --lazy require --label owner=team registry.example.org/app:1-esgz
            """)

    @OptionGroup var registry: RegistryArguments
    @OptionGroup var storage: StoreArguments
    @OptionGroup var logging: LogArguments
    @OptionGroup var containerd: ContainerdArguments
    @OptionGroup var platforms: PlatformArguments

    @Option(help: "Name of the snapshotter in containerd's configuration. (default: stargz)")
    var snapshotter: String?

    @Option(
        help: ArgumentHelp(
            "prefer: layers that cannot be lazy are downloaded and unpacked; require: they fail the pull; never: all are.",
            valueName: "prefer|require|never"))
    var lazy = LazyPolicy.prefer

    @Flag(help: "Wait until everything is here; not into containerd.")
    var complete = false

    @Option(name: .customLong("label"), help: ArgumentHelp("Label of the image in containerd (repeatable).", valueName: "key=value"))
    var labels: [String] = []

    @Option(help: "How progress is shown: auto, plain, json or none.")
    var progress = ProgressStyle.auto

    @Argument(help: "The image.")
    var image: String

    private var isForContainerd: Bool { containerd.isNamed || snapshotter != nil || !labels.isEmpty }
    var mounts: Bool { !isForContainerd }
    var asksDaemons: Bool { isForContainerd }

    func validate() throws {
        for label in labels where label.first == "=" || !label.contains("=") {
            throw ValidationError("--label \(label): expected key=value")
        }
        guard !isForContainerd || !complete else {
            throw ValidationError("--complete is for the store of `starling run`, not for containerd")
        }
        guard isForContainerd || platforms.platforms.count < 2 && !platforms.all else {
            throw ValidationError("the store of `starling run` takes one platform at a time; several are for containerd")
        }
    }

    func run() async throws {
        guard isForContainerd else { return try await LocalPull(pull: self).run() }
        let labels = labels.map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init) }
        let wishes = PullWishes(
            platforms: platforms.choice, lazy: lazy.ofContainerd,
            labels: Dictionary(labels.map { ($0[0], $0[1]) }, uniquingKeysWith: { $1 }))
        let options = containerd.options(snapshotter: snapshotter ?? "stargz")
        try await ImagePull(registry: registry, options: options, progress: progress, wishes: wishes).run(image) { try await $0.pull($1) }
    }
}

extension LazyPolicy {
    fileprivate var ofContainerd: PullWishes.Lazy {
        switch self {
        case .prefer: .prefer
        case .require: .require
        case .never: .never
        }
    }
}

/// `starling materialize REF`.
struct Materialize: AsyncParsableCommand, AsksDaemons {
    static let configuration = CommandConfiguration(
        commandName: "materialize",
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
            .run(image) { try await $0.materialize($1) }
    }
}

/// What both commands do around their work.
private struct ImagePull {
    let registry: RegistryArguments
    let options: ContainerdOptions
    let progress: ProgressStyle
    let wishes: PullWishes

    func run(_ image: String, _ work: @escaping @Sendable (any DaemonAccess, PullOrder) async throws -> PullResult) async throws {
        let reference = try Reference(parsing: image)
        let client = try registry.client()
        defer { client.shutdown() }
        let display = PullDisplay(progress)
        defer { display.end() }
        let order = PullOrder(
            reference: reference, source: RegistrySource(client: client, reference: reference), options: options, wishes: wishes
        ) { display.show($0) }
        let result = try await Interruption.cancels { try await work(DaemonProgram.current, order) }
        try Terminal.result("\(reference) \(result.target.digest)")
    }
}
