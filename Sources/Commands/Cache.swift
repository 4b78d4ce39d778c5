import ArgumentParser
import ChunkStore
import Digests
import OCI
import Threads

/// `starling cache`: the local store.
struct Cache: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Look at the local store of fetched layers, shrink it, check it.",
        discussion: """
            The store is the one of `starling run`; that of a daemon is in its --root, such as /var/lib/containerd-stargz-grpc.

            Examples:
              starling cache ls
              starling cache prune --max 10G
              starling cache verify --root /var/lib/containerd-stargz-grpc
            """,
        subcommands: [CacheList.self, CachePrune.self, CacheVerify.self])
}

/// `starling cache ls`.
struct CacheList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ls", abstract: "List the layers in the store, the longest unused first.")

    @OptionGroup var storage: StoreArguments

    @Flag(help: "Print a JSON document.")
    var json = false

    func run() async throws {
        let root = storage.rootDirectory
        let layers = try await BlockingTask.run { try LayerStore(root: root).layers() }
        if json {
            let list = layers.map { layer in
                JSONValue.object([
                    "digest": .string(layer.digest.description), "diskBytes": .integer(Int64(clamping: layer.diskBytes)),
                    "lastUsed": .integer(layer.lastUsed), "isUsed": .bool(layer.isUsed),
                ])
            }
            return try Terminal.result(String(decoding: Documents.encode(JSONValue.array(list)), as: UTF8.self))
        }
        for layer in layers {
            try Terminal.result("\(layer.digest)  \(layer.diskBytes)\(layer.isUsed ? "  in use" : "")")
        }
        try Terminal.result("\(layers.count) layers, \(layers.reduce(0) { $0 + $1.diskBytes }) bytes")
    }
}

/// `starling cache prune`.
struct CachePrune: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "Remove layers that nothing uses, the longest unused first; they are fetched again when wanted.")

    @OptionGroup var storage: StoreArguments

    @Option(
        name: .customLong("max"), help: ArgumentHelp("Stop when the store takes no more than this.", valueName: "bytes[K|M|G]"),
        transform: ByteCount.parse)
    var limit: UInt64 = 0

    func run() async throws {
        let (root, limit) = (storage.rootDirectory, limit)
        let result = try await BlockingTask.run { try LayerStore(root: root).prune(to: limit) }
        for digest in result.removed { try Terminal.result("\(digest)") }
        Terminal.say("removed \(result.removed.count) layers, \(result.freedBytes) bytes; \(result.leftBytes) bytes are left")
    }
}

/// `starling cache verify`.
struct CacheVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check every fetched chunk against its digest; wrong ones are dropped, and the exit status is 1.")

    @OptionGroup var storage: StoreArguments

    func run() async throws {
        let root = storage.rootDirectory
        let results = try await BlockingTask.run {
            let store = try LayerStore(root: root)
            return try store.layers().compactMap { info -> (digest: Digest, right: Int, wrong: Int)? in
                guard let layer = try store.layer(info.digest, tocDigest: nil) else { return nil }
                let count = try layer.verify()
                return (info.digest, count.right, count.wrong)
            }
        }
        for result in results { try Terminal.result("\(result.digest)  \(result.right) chunks right, \(result.wrong) wrong") }
        if results.contains(where: { $0.wrong > 0 }) { throw ExitCode.failure }
    }
}
