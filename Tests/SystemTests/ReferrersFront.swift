import Glibc
import HostSystem
import TestSupport

/// nginx before a registry: it answers the referrers API, which Debian's docker-registry does not have, from a file.
final class ReferrersFront {
    let address: String
    private let directory: TemporaryDirectory
    private let server: ServerProcess

    init(to registry: String) throws {
        try requireProgram("nginx")
        directory = try TemporaryDirectory()
        let port = try Loopback.freePort()
        address = "127.0.0.1:\(port)"
        let path = directory.path
        let configuration = """
            daemon off; master_process off; pid \(path)/pid; error_log \(path)/log;
            events {}
            http {
                access_log off; client_max_body_size 0; client_body_temp_path \(path)/body; proxy_temp_path \(path)/proxy;
                fastcgi_temp_path \(path)/f; uwsgi_temp_path \(path)/u; scgi_temp_path \(path)/s;
                server {
                    listen \(address);
                    location ~ ^/v2/.+/referrers/ { default_type \(MediaTypes.index); root \(path); rewrite .* /list.json break; }
                    location / { proxy_pass http://\(registry); proxy_set_header Host $http_host; add_header OCI-Subject sha256:0 always; }
                }
            }
            """
        try AtomicFile.write(Array(configuration.utf8), to: path + "/nginx.conf")
        try AtomicFile.write(Array(#"{"schemaVersion":2,"manifests":[]}"#.utf8), to: path + "/list.json")
        server = try ServerProcess("/usr/sbin/nginx", ["-c", path + "/nginx.conf", "-p", path], directory: directory) {
            Loopback.accepts(port: port)
        }
    }

    private enum MediaTypes { static let index = "application/vnd.oci.image.index.v1+json" }

    /// Lists one artifact from now on, as a registry does that knows its manifest's annotations.
    func list(digest: String, size: Int) throws {
        let list = """
            {"schemaVersion":2,"mediaType":"\(MediaTypes.index)","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",
            "digest":"\(digest)","size":\(size),"artifactType":"application/vnd.starling.profile.v1+json"}]}
            """
        try AtomicFile.write(Array(list.utf8), to: directory.path + "/list.json")
    }
}
