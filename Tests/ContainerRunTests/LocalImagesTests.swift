import HostSystem
import OCI
import TestSupport
import Testing

@testable import ContainerRun

@Suite("Images that were opened before")
struct LocalImagesTests {
    private let directory: TemporaryDirectory
    private let images: LocalImages
    private let reference: Reference
    private let image: LocalImages.Image

    init() async throws {
        try requireRoot()
        directory = try TemporaryDirectory()
        images = LocalImages(root: directory.path)
        reference = try Reference(parsing: "example.org/a/b:c")
        let source = try OCILayoutSource(directory: TestImages.busybox(in: directory.path), tag: nil)
        let found = try await PlatformImage(source: source, platform: .current)
        let config = try await source.smallBlob(found.manifest.config)
        image = try #require(LocalImages.Image(reference: reference, platform: .current, image: found, config: config))
    }

    @Test("an image is found by reference and platform, and not by others")
    func found() throws {
        #expect(images.image(reference, .current) == nil)
        #expect(try images.all().isEmpty)
        try images.add(image)
        #expect(images.image(reference, .current) == image)
        #expect(images.image(reference, Platform(os: "linux", architecture: "riscv64")) == nil)
        #expect(try images.image(Reference(parsing: "example.org/a/b:d"), .current) == nil)
        #expect(try images.all() == [image])
        try images.remove(image)
        #expect(images.image(reference, .current) == nil)
    }

    @Test("a document that is not the one that its digest stands for counts as not there")
    func damaged() throws {
        var wrong = image
        wrong.manifestText += " "
        try images.add(wrong)
        #expect(images.image(reference, .current) == nil)
        wrong = image
        wrong.configText += " "
        try images.add(wrong)
        #expect(images.image(reference, .current) == nil)
        try images.add(image)
        let file = directory.path + "/images/" + (try #require(try Files.entries(directory.path + "/images").first))
        try AtomicFile.write(Array("{".utf8), to: file)
        #expect(try images.all().isEmpty)
    }
}
