import Glibc
import HostSystem
import TestSupport

/// The fixture layer as tar unpacks it, with the changes that overlayfs wants: what every other way to see the layer is compared with.
struct UnpackedLayer {
    let listing: TreeListing
    /// Whether a directory's time is not the layer's to say: implied by the tar only, or touched by tar itself for a later hard link.
    static func hasOwnTime(_ path: String, _ facts: FileFacts) -> Bool {
        guard facts.mode & S_IFMT == S_IFDIR else { return true }
        return path != "." && path != "bin" && !path.hasPrefix("missing") && !path.hasPrefix("long/")
    }

    init() throws {
        let directory = try TemporaryDirectory()
        let top = directory.path + "/tree"
        try Files.makeDirectories(top)
        let result = try Program.run(
            "/usr/bin/tar",
            [
                "-x", "-p", "--same-owner", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-f", Fixtures.path("a-layer.tar.gz"),
                "-C", top,
            ])
        guard result.status == 0 else { throw HostError.last("unpack (\(result.errorText))", Fixtures.path("a-layer.tar.gz")) }
        var listing = try TreeListing(top)
        // Whiteouts as devices 0:0 without permissions, opaque marks as an attribute.
        for path in listing.files.keys where path.hasSuffix("/.wh..wh..opq") {
            listing.files[path] = nil
            listing.files[String(path.dropLast("/.wh..wh..opq".count))]?.xattrs["trusted.overlay.opaque"] = [UInt8(ascii: "y")]
        }
        for (path, facts) in listing.files {
            guard let range = path.firstRange(of: "/.wh.") else { continue }
            var whiteout = facts
            (whiteout.mode, whiteout.content) = (S_IFCHR, "")
            listing.files[path] = nil
            listing.files[path[..<range.lowerBound] + "/" + path[range.upperBound...]] = whiteout
        }
        self.listing = listing.comparable()
        try directory.remove()
    }
}

extension TreeListing {
    /// The listing without what two right answers may differ in: times of implied directories, fractions of seconds (the reference's TOC has none).
    func comparable() -> TreeListing {
        var copy = self
        for (path, facts) in files {
            copy.files[path]?.modified = UnpackedLayer.hasOwnTime(path, facts) ? facts.modified / 1_000_000_000 : 0
        }
        return copy
    }
}
