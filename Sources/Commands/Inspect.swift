import ArgumentParser
import Digests
import FetchEngine
import HostSystem
import Inspection
import OCI

/// `starling inspect IMAGE|BLOB`.
struct Inspect: AsyncParsableCommand, LooksAtImage {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Tell what an image's layers are: format, sizes, TOC, chunks, what is prefetched.",
        discussion: """
            Reads manifests and TOCs by range requests, and nothing else. A BLOB is a file that holds one layer.

            Examples:
              starling inspect 127.0.0.1:5000/python:3-esgz
              starling inspect --json oci:build/app:latest
              starling inspect ./layer.tar.gz
            """)

    @OptionGroup var image: ImageArguments

    @Flag(help: "Print a JSON document.")
    var json = false

    @Argument(help: "The image, or the path of a layer's blob.")
    var name: String

    func run() async throws {
        if let blob = try LayerFile(name) {
            return try show([await LayerReport.read(blob.descriptor, of: blob.source)], manifest: nil)
        }
        let platform = image.wantedPlatform
        let (descriptor, reports) = try await image.withSource(name) { source in
            let image = try await PlatformImage(source: source, platform: platform)
            return (image.descriptor, await LayerReport.read(image.manifest.layers, of: source))
        }
        try show(reports, manifest: descriptor)
    }

    private func show(_ reports: [LayerReport], manifest: Descriptor?) throws {
        if json {
            var document: [String: JSONValue] = [
                "layers": .array(reports.map { .object(Dictionary($0.facts.map { ($0.name, $0.value) }) { first, _ in first }) })
            ]
            if let manifest { document["manifest"] = .string(manifest.digest.description) }
            return try Terminal.result(String(decoding: Documents.encode(JSONValue.object(document)), as: UTF8.self))
        }
        if let manifest { try Terminal.result("manifest       \(manifest.digest)") }
        for (index, report) in reports.enumerated() {
            try Terminal.result("layer \(index + 1) of \(reports.count)")
            for (name, value) in report.facts { try show(name, value) }
        }
    }

    private func show(_ name: String, _ value: JSONValue) throws {
        let column = name + String(repeating: " ", count: max(1, 13 - name.count))
        switch value {
        case .string(let text): try Terminal.result("  \(column)\(text)")
        case .integer(let number): try Terminal.result("  \(column)\(number)")
        case .object(let members):
            for (key, value) in members.sorted(by: { $0.key < $1.key }) {
                try Terminal.result("  annotation   \(key)=\(value.string ?? "")")
            }
        default: break
        }
    }
}

/// A layer's blob in a file, where an image's name could stand too.
struct LayerFile {
    let source: BlobFile
    let descriptor: Descriptor

    /// Nil when the text is no path of a regular file.
    init?(_ text: String) throws {
        guard text.hasPrefix("/") || text.hasPrefix("./") || text.hasPrefix("../") || Files.exists(text), !Files.isDirectory(text) else {
            return nil
        }
        source = try BlobFile(text)
        descriptor = try source.descriptor()
    }
}

/// `starling toc-digest IMAGE|BLOB`.
struct TOCDigest: AsyncParsableCommand, LooksAtImage {
    static let configuration = CommandConfiguration(
        commandName: "toc-digest",
        abstract: "Print the digest of each layer's TOC, as it is in the layer, lowest layer first.",
        discussion: """
            Examples:
              starling toc-digest 127.0.0.1:5000/python:3-esgz
              starling toc-digest ./layer.tar.gz
            """)

    @OptionGroup var image: ImageArguments

    @Argument(help: "The image, or the path of a layer's blob.")
    var name: String

    func run() async throws {
        if let blob = try LayerFile(name) {
            return try Terminal.result(try await LayerTable.read(blob.descriptor, of: blob.source, mustVerify: false).digest.description)
        }
        let platform = image.wantedPlatform
        let reports = try await image.withSource(name) { source in
            await LayerReport.read(try await PlatformImage(source: source, platform: platform).manifest.layers, of: source)
        }
        for (index, report) in reports.enumerated() {
            switch report.table {
            case .success(let table): try Terminal.result(table.digest.description)
            case .failure(let refusal):
                throw InspectionError.notLazy(layer: index + 1, count: reports.count, digest: report.descriptor.digest, reason: refusal)
            }
        }
    }
}
