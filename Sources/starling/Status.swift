import ArgumentParser
import OCI
import StatusAPI

/// `starling status`.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell what a running starlingd serves: its mode, each lazy layer, and why layers are not lazy.",
        discussion: """
            Examples:
              starling status
              starling status --json | jq '.layers[] | {digest, presentSize, contentSize}'
            """)

    @Option(help: ArgumentHelp("Socket of starlingd.", valueName: "path"))
    var address = "/run/containerd-stargz-grpc/containerd-stargz-grpc.sock"

    @Flag(help: "Print a JSON document.")
    var json = false

    func run() async throws {
        let report = try await StatusClient.report(address: address)
        if json { return try Terminal.result(String(decoding: Documents.encode(report), as: UTF8.self)) }
        try Terminal.result("starlingd \(report.version) on \(report.root)")
        try Terminal.result("mode       \(report.mode)")
        for layer in report.layers { try show(layer) }
        for refused in report.refused {
            try Terminal.result("not lazy   \(refused.digest) of \(refused.image): \(refused.code): \(refused.reason)")
        }
    }

    private func show(_ layer: LayerStatus) throws {
        try Terminal.result("layer      \(layer.digest)")
        try Terminal.result("  image    \(layer.image), \(layer.format)")
        try Terminal.result("  here     \(layer.presentSize) of \(layer.contentSize) bytes of content\(share(layer))")
        try Terminal.result("  fetched  \(layer.fetchedBytes) of \(layer.blobSize) compressed bytes, in \(layer.requests) ranges")
        try Terminal.result(
            "  waited   \(layer.demandMisses) reads, \(layer.demandWaitMilliseconds) ms in all"
                + (layer.failures == 0 ? "" : "; \(layer.failures) ranges failed"))
    }

    private func share(_ layer: LayerStatus) -> String {
        layer.contentSize == 0 ? "" : " (\(layer.presentSize * 100 / layer.contentSize) %)"
    }
}
