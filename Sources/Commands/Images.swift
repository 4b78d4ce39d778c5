import ArgumentParser
import ChunkStore
import ContainerRun
import Digests
import HostSystem
import OCI
import Threads

/// `starling images`.
struct Images: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "images",
        abstract: "List the images that were run or pulled here.",
        discussion: """
            An image is listed when its manifest is here; how much of its layers is, `starling cache ls` says.

            Examples:
              starling images
              starling images --json
            """)

    @OptionGroup var storage: StoreArguments
    @OptionGroup var list: ListArguments

    func run() async throws {
        let images = try LocalImages(root: storage.rootDirectory).all()
        let now = Timestamp.now
        try list.show(images, id: \.shortID, json: \.json) {
            var table = TextTable(["REPOSITORY", "TAG", "IMAGE ID", "PLATFORM", "PULLED", "SIZE"])
            for image in images {
                let reference = try? Reference(parsing: image.reference)
                table.add([
                    reference?.name ?? image.reference, reference?.tag ?? "<none>", image.shortID, image.platform,
                    Age.text(from: Timestamp(nanoseconds: image.pulled * 1_000_000_000), to: now) + " ago", "\(image.layerBytes >> 20) MiB",
                ])
            }
            return table
        }
    }
}

extension LocalImages.Image {
    /// The first digits of the manifest's digest.
    var shortID: String { String(descriptor.digest.hex.prefix(ContainerID.shortLength)) }

    /// Bytes of its layers in the registry.
    var layerBytes: Int64 { ((try? manifest())?.layers ?? []).reduce(0) { $0 + $1.size } }

    var json: JSONValue {
        .object([
            "reference": .string(reference), "platform": .string(platform), "digest": .string(descriptor.digest.description),
            "pulled": .string("\(Timestamp(nanoseconds: pulled * 1_000_000_000))"), "layerBytes": .integer(layerBytes),
        ])
    }
}

/// `starling rmi`.
struct RemoveImage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rmi", abstract: "Forget images, and remove what of their layers nothing else needs.",
        discussion: """
            Examples:
              starling rmi 127.0.0.1:5000/python:3-esgz
            """)

    @OptionGroup var storage: StoreArguments

    @Flag(name: .shortAndLong, help: "Also images of containers that have ended.")
    var force = false

    @Argument(help: "References, or ids as `starling images` lists them.")
    var images: [String]

    private struct NoImage: Error, CustomStringConvertible {
        let name: String
        var description: String { "no image \"\(name)\" here; `starling images` lists them" }
    }

    func run() async throws {
        try await BlockingTask.run { [root = storage.rootDirectory, images, force] in
            let local = LocalImages(root: root)
            var hasFailed = false
            for name in images {
                do {
                    let found = try local.find(name)
                    guard !found.isEmpty else { throw NoImage(name: name) }
                    for image in found { try Self.remove(image, local, root, force: force) }
                } catch {
                    Terminal.say("\(error)")
                    hasFailed = true
                }
            }
            if hasFailed { throw ExitCode.failure }
        }
    }

    private static func remove(_ image: LocalImages.Image, _ local: LocalImages, _ root: String, force: Bool) throws {
        let leftover = try local.remove(image, force: force, root: root)
        try Terminal.result("Untagged: \(image.reference)")
        for digest in try LayerStore(root: root).remove(leftover.layers.sorted()) { try Terminal.result("Deleted: \(digest)") }
        let unpacker = try LayerUnpacker(root: root)
        for diffID in leftover.diffIDs.sorted() where try unpacker.remove(diffID) { try Terminal.result("Deleted: \(diffID)") }
    }
}
