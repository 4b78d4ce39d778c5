import Digests
import OCI

/// Names that users and labels give: references, image names, platforms, digests.
enum ReferenceSurface {
    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        let text = String(decoding: bytes, as: UTF8.self)
        if let reference = try accepted({ try Reference(parsing: text) }) {
            let full = reference.description
            try promise(try accepted { try Reference(parsing: full) } == reference, "a reference's full name means the same: \(full)")
            try promise(full.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }, "a reference is printable ASCII, safe in a URL and a header")
            try promise(!reference.repository.split(separator: "/").contains(".."), "a repository does not lead out of the registry")
            _ = (reference.registryIsLoopback, reference.manifestSelector)
        }
        if let name = try accepted({ try ImageName(parsing: text) }) {
            try promise(try accepted { try ImageName(parsing: name.description) } == name, "an image's name means the same: \(name)")
        }
        if let platform = Platform(parsing: text) {
            try promise(Platform(parsing: platform.description) == platform, "a platform's name means the same")
        }
        if let digest = try accepted({ try Digest(parsing: text) }) {
            try promise(digest.description == text && Digest(hex: digest.hex) == digest, "a digest has one spelling")
        }
    }
}
