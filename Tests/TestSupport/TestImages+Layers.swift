internal import Digests
internal import HostSystem
internal import OCI
internal import Tar

extension TestImages {
    /// An OCI layout (tag `latest`) in `directory` of three ordinary gzip layers that hide, replace and extend each other in every way that
    /// an image can.
    ///
    /// - Parameter hasShell: whether the lowest one has busybox, too.
    public static func layered(in directory: String, hasShell: Bool = false) throws -> String {
        let layout = ImageLayout(directory + "/layout")
        try layout.make()
        var descriptors: [String] = []
        var diffIDs: [String] = []
        for (index, script) in layers.enumerated() {
            let root = "\(directory)/layer-\(index)"
            try Files.makeDirectories(root)
            if hasShell, index == 0 { try busyboxRoot(root) }
            try run("sh", ["-euc", "cd \"$0\"; " + script, root])
            // Children first, so that writing them does not change their directory again.
            try run("find", [root, "-depth", "-exec", "touch", "-h", "-d", "2024-0\(index + 1)-02T03:04:05Z", "{}", "+"])
            let archive = root + ".tar"
            try run("tar", ["--sort=name", "--numeric-owner", "--xattrs", "-C", root, "-cf", archive, "."])
            diffIDs.append("\"\(try digest(archive))\"")
            try run("gzip", ["-n", archive])
            descriptors.append(try layout.descriptor("application/vnd.oci.image.layer.v1.tar+gzip", file: archive + ".gz"))
            try Files.remove(root)
        }
        let config = """
            {"architecture":"\(architecture)","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[\(diffIDs.joined(separator: ","))]}}
            """
        try layout.write(config: config, layers: descriptors)
        return layout.path
    }

    /// An OCI layout (tag `latest`) in `directory` of an index with the image of `busybox` for this machine, and the same for linux/riscv64.
    public static func twoPlatforms(in directory: String) throws -> String {
        let layout = try busybox(in: directory)
        let path = layout + "/index.json"
        var own = try Documents.decode(Index.self, from: Files.read(path, limit: 1 << 20), what: path).manifests[0]
        own.annotations = nil
        own.platform = .current
        var (manifest, config) = try documents(of: own, in: layout)
        config.architecture = "riscv64"
        manifest.config = try store(config, MediaType.config, in: layout)
        var other = try store(manifest, MediaType.manifest, in: layout)
        other.platform = Platform(os: "linux", architecture: "riscv64")
        var index = try store(Index(manifests: [own, other]), MediaType.index, in: layout)
        index.annotations = [Annotation.referenceName: "latest"]
        try AtomicFile.write(Documents.encode(Index(manifests: [index])), to: path)
        return layout
    }

    private static func documents(of descriptor: Descriptor, in layout: String) throws -> (Manifest, ImageConfig) {
        func blob<Value: Decodable>(_ type: Value.Type, _ descriptor: Descriptor) throws -> Value {
            try Documents.decode(type, from: Files.read(layout + "/blobs/sha256/" + descriptor.digest.hex, limit: 1 << 24), what: layout)
        }
        let manifest = try blob(Manifest.self, descriptor)
        return (manifest, try blob(ImageConfig.self, manifest.config))
    }

    private static func store(_ document: some Encodable, _ type: String, in layout: String) throws -> Descriptor {
        let bytes = try Documents.encode(document)
        let descriptor = Descriptor(mediaType: type, digest: Digest.sha256(bytes), size: Int64(bytes.count))
        try AtomicFile.write(bytes, to: layout + "/blobs/sha256/" + descriptor.digest.hex)
        return descriptor
    }

    /// Puts an ordinary gzip layer with one file below the layers of a layout's one image (tag `latest`).
    public static func addLowestLayer(to layout: String, file: File) throws {
        let index = try Documents.decode(Index.self, from: Files.read(layout + "/index.json", limit: 1 << 20), what: "index.json")
        var (manifest, config) = try documents(of: index.manifests[0], in: layout)
        let content = file.content ?? []
        let archive =
            TarWriter.header(name: file.path, size: Int64(content.count)) + content + TarWriter.padding(afterSize: Int64(content.count))
            + TarWriter.end
        let path = layout + "/lowest.tar"
        try AtomicFile.write(archive, to: path)
        let diffID = try digest(path)
        try run("gzip", ["-n", path])
        let bytes = try Files.read(path + ".gz", limit: 1 << 24)
        try Files.remove(path + ".gz")
        let layer = Descriptor(mediaType: MediaType.layerGzip, digest: Digest.sha256(bytes), size: Int64(bytes.count))
        try AtomicFile.write(bytes, to: layout + "/blobs/sha256/" + layer.digest.hex)
        manifest.layers.insert(layer, at: 0)
        config.rootfs?.diffIDs.insert(diffID, at: 0)
        try replaceConfig(in: layout, with: Documents.encode(config), of: manifest)
    }

    /// What each layer has, the lowest first.
    private static let layers = [
        """
        mkdir -p kept opaque/below deleted/tree replaced-by-file mode
        echo base > kept/file; echo base > opaque/below/file; echo base > deleted/tree/file; echo base > deleted-file
        echo base > replaced-by-file/inside; echo base > replaced-by-directory; echo base > replaced; ln -s kept link
        head -c 300000 /dev/urandom > large; ln large large-too; ln large large-three; chmod 0700 mode; mkfifo pipe
        setfattr -n user.base -v one kept/file; : > empty
        """,
        """
        mkdir -p kept opaque deleted replaced-by-directory mode
        echo second > kept/second; : > opaque/.wh..wh..opq; echo second > opaque/new; : > .wh.deleted-file; : > deleted/.wh.tree
        echo second > replaced-by-file; echo second > replaced-by-directory/inside; echo second > replaced; chmod 0751 mode
        rm -f link; ln -s opaque link; echo second > large; : > .wh.no-such-file; chown 7:8 kept
        """,
        """
        mkdir -p deleted/tree kept opaque/below
        echo third > deleted/tree/again; echo third > deleted-file; : > kept/.wh.second; echo third > opaque/below/third
        head -c 5000000 /dev/urandom > big; : > .wh.empty; : > .wh.pipe; ln big big-too
        """,
    ]
}
