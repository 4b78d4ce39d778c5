internal import Digests
internal import OCI

/// Where content comes from: the label `containerd.io/distribution.source.<registry>` = repositories, comma separated. A push to the same
/// registry can then mount the blob instead of uploading it.
enum OriginLabel {
    /// The label of a blob that has come from a reference's repository, beside those that are known already.
    static func labels(of digest: Digest, from reference: Reference, in containerd: Containerd) async throws -> [String: String] {
        let key = "containerd.io/distribution.source.\(reference.registry)"
        let known = try await containerd.labels(of: digest)?[key] ?? ""
        return [key: adding(reference.repository, to: known)]
    }

    /// Adds a repository, keeping the list sorted and without doubles, as containerd does.
    static func adding(_ repository: String, to known: String) -> String {
        Set(known.split(separator: ",").map(String.init) + [repository]).sorted().joined(separator: ",")
    }
}
