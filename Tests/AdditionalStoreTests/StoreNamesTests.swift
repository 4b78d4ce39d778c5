import Digests
import Foundation
import LazyFS
import OCI
import Testing

@testable import AdditionalStore

@Suite("the names of an additional layer store")
struct StoreNamesTests {
    private let names = StoreNames()

    private func key(_ digit: String) throws -> LayerKey {
        LayerKey(
            image: try Reference(parsing: "registry.example.org/app:1"),
            digest: try Digest(parsing: "sha256:" + String(repeating: digit, count: 64)))
    }

    @Test("an image's directory is its name in base64; what is no image's name is no directory")
    func images() throws {
        let name = Data("registry.example.org/app:1".utf8).base64EncodedString()
        let node = try #require(names.addImage(name))
        #expect(node.kind == .directory && names.image(node.number)?.description == "registry.example.org/app:1")
        #expect(names.addImage("pool") == nil)
        #expect(names.addImage(Data("Not An Image".utf8).base64EncodedString()) == nil)
        #expect(names.addImage("") == nil)
    }

    @Test("numbers say what a node is, fit the mount, and are the same in the next process")
    func numbers() throws {
        let key = try key("1")
        let layer = StoreNumber(key)
        #expect(layer.entry == nil && layer.raw < 1 << 40 && layer.raw > 1)
        for entry in [StoreNumber.Entry.info, .blob, .diff] {
            let number = StoreNumber(key, entry)
            #expect(number.entry == entry && number.layer == layer.raw && number.raw < 1 << 40)
        }
        let other = try self.key("2")
        #expect(StoreNumber(key) == layer && StoreNumber(other) != layer)
        #expect(StoreNumber(key, linkTo: "../../1") != StoreNumber(key, linkTo: "../../2"))
    }

    @Test("a layer's files are there with their sizes; what was not asked for is not known")
    func layers() throws {
        let key = try key("1")
        #expect(names.node(StoreNumber(key, .info)) == nil)
        let layer = ImageLayer(
            descriptor: Descriptor(mediaType: MediaType.layerGzip, digest: key.digest, size: 99), diffID: key.digest)
        let node = names.add(layer, as: key)
        #expect(names.layer(node.number)?.key == key && names.layer(key) == layer)
        #expect(names.node(StoreNumber(key, .blob))?.kind == .file(size: 99))
        #expect(names.node(StoreNumber(key, .info))?.kind == .file(size: UInt64(layer.info.count)))
        let link = names.addLink(to: "../../7", of: key)
        #expect(names.node(StoreNumber(raw: link.number))?.kind == .link(target: "../../7"))
    }

    @Test("what was asked for long ago is forgotten")
    func bound() throws {
        let first = try #require(names.addImage(Data("app:0".utf8).base64EncodedString()))
        for number in 1...4096 { _ = names.addImage(Data("app:\(number)".utf8).base64EncodedString()) }
        #expect(names.image(first.number) == nil)
        #expect(names.addImage(Data("app:4096".utf8).base64EncodedString()).map { names.image($0.number) } != nil)
    }
}
