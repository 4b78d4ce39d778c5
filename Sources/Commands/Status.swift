import ArgumentParser
import Daemons
import OCI

/// `starling status`.
struct Status: AsyncParsableCommand, AsksDaemons {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Tell what a running starlingd serves: its mode, each lazy layer, and why layers are not lazy.",
        discussion: """
            Examples:
              starling status
              starling status --json | jq '.layers[] | {digest, presentSize, contentSize}'

            Counts begin with the daemon. "waited" are reads that had to wait for the registry. "ahead" are bytes that came before a read asked
            for them, by prefetch or along with what a read missed, and not those that complete a layer in the background. They count as read
            when the kernel has asked for them, which it does ahead of programs, too; a read of what is complete and needs no daemon any more
            is not seen.
            """)

    @Option(help: ArgumentHelp("Socket of starlingd.", valueName: "path"))
    var address = "/run/containerd-stargz-grpc/containerd-stargz-grpc.sock"

    @Flag(help: "Print a JSON document.")
    var json = false

    func run() async throws {
        let report = try await DaemonProgram.current.status(address: address)
        if json { return try Terminal.result(String(decoding: Documents.encode(report), as: UTF8.self)) }
        try Terminal.result("starlingd \(report.version) on \(report.root)")
        try Terminal.result("mode       \(report.mode)")
        for layer in report.layers { try show(layer) }
        for refused in report.refused {
            let image = refused.image.isEmpty ? "" : " of \(refused.image)"
            try Terminal.result("not lazy   \(refused.digest)\(image): \(refused.code): \(refused.reason)")
        }
        if let refusals = report.refusals, !refusals.isEmpty {
            let counts = refusals.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            try Terminal.result("not lazy   in all: " + counts.joined(separator: ", "))
        }
    }

    private func show(_ layer: LayerStatus) throws {
        try Terminal.result("layer      \(layer.digest)")
        try Terminal.result("  image    \(layer.image), \(layer.format)")
        try Terminal.result("  here     \(layer.presentSize) of \(layer.contentSize) bytes of content\(share(layer))")
        try Terminal.result("  fetched  \(layer.fetchedBytes) of \(layer.blobSize) compressed bytes, in \(layer.requests) ranges")
        try Terminal.result(
            "  waited   \(layer.demandMisses) reads, \(layer.demandWaitMilliseconds) ms in all\(shares(layer))"
                + (layer.failures == 0 ? "" : "; \(layer.failures) ranges failed"))
        if let prefetch = layer.prefetch {
            try Terminal.result(
                "  ahead    \(prefetch.size) bytes of content: \(prefetch.hitSize) read, \(prefetch.wasteSize) not read yet")
        }
    }

    private func shares(_ layer: LayerStatus) -> String {
        guard layer.demandMisses > 0 else { return "" }
        func limit(_ milliseconds: UInt64?) -> String { milliseconds.map { "within \($0) ms" } ?? "in more than a minute" }
        return ", half of them \(limit(layer.demandWaitMedianMilliseconds)), 95 % \(limit(layer.demandWait95Milliseconds))"
    }

    private func share(_ layer: LayerStatus) -> String {
        layer.contentSize == 0 ? "" : " (\(layer.presentSize * 100 / layer.contentSize) %)"
    }
}
