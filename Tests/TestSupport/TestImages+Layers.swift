internal import HostSystem

extension TestImages {
    /// An OCI layout (tag `latest`) in `directory` of three ordinary gzip layers that hide, replace and extend each other in every way that
    /// an image can.
    public static func layered(in directory: String) throws -> String {
        let layout = ImageLayout(directory + "/layout")
        try layout.make()
        var descriptors: [String] = []
        var diffIDs: [String] = []
        for (index, script) in layers.enumerated() {
            let root = "\(directory)/layer-\(index)"
            try Files.makeDirectories(root)
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
