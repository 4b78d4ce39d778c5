internal import FoundationEssentials
internal import HostSystem
internal import Registry

/// A program that gives credentials for a cluster: `exec` of a kubeconfig's user. Source: Kubernetes, "client-go credential plugins".
struct ExecPlugin: Equatable, Sendable {
    /// Version of what is said between us and it.
    let version: String
    /// A path, or a name that is looked up in PATH.
    let command: String
    let arguments: [String]
    /// Variables that it gets beside ours.
    let environment: [String: String]
    /// What to do where it is not installed.
    let installHint: String?

    /// Why an entry cannot be used.
    struct Unusable: Error {
        let reason: String
    }

    /// Group of the versions, and those that are known; they differ only in what they want written down.
    private static let group = "client.authentication.k8s.io/"
    private static let versions = ["v1", "v1beta1"].map { group + $0 }

    /// - Parameters:
    ///   - exec: the table.
    ///   - kubeconfig: whose cluster the program is told of, where it is to be.
    ///   - directory: from which a command's relative path goes.
    init(_ exec: YAMLValue, for kubeconfig: Kubeconfig, directory: String) throws(Unusable) {
        guard let command = exec["command"]?.text else { throw Unusable(reason: "has an exec without a command") }
        guard let version = exec["apiVersion"]?.text, Self.versions.contains(version) else {
            let known = Self.versions.joined(separator: " or ")
            throw Unusable(reason: "has an exec with apiVersion \(exec["apiVersion"]?.text ?? "missing"), not \(known)")
        }
        guard exec["interactiveMode"]?.text != "Always" else {
            throw Unusable(reason: "has an exec with interactiveMode Always, and nobody is here to be asked")
        }
        self.version = version
        self.command = command.contains("/") && !command.hasPrefix("/") ? directory + "/" + command : command
        arguments = exec["args"]?.elements.map { $0.text ?? "" } ?? []
        let variables = exec["env"]?.elements.compactMap { entry in entry["name"]?.text.map { ($0, entry["value"]?.text ?? "") } } ?? []
        let isToKnow = exec["provideClusterInfo"]?.text == "true"
        let told = ("KUBERNETES_EXEC_INFO", try Self.information(version, cluster: isToKnow ? kubeconfig : nil))
        environment = Dictionary(variables + [told]) { $1 }
        installHint = exec["installHint"]?.text
    }

    /// What the program is told: that nobody can be asked, and of the cluster.
    private struct Information: Encodable {
        struct Cluster: Encodable {
            var server: String
            var authorities: String?
            var skipsVerification: Bool?
            var proxy: String?

            enum CodingKeys: String, CodingKey {
                case server
                case authorities = "certificate-authority-data"
                case skipsVerification = "insecure-skip-tls-verify"
                case proxy = "proxy-url"
            }
        }

        struct Spec: Encodable {
            var interactive = false
            var cluster: Cluster?
        }

        var apiVersion: String
        var kind = "ExecCredential"
        var spec: Spec
    }

    private static func information(_ version: String, cluster kubeconfig: Kubeconfig?) throws(Unusable) -> String {
        let cluster = kubeconfig.map { kubeconfig in
            let authorities = kubeconfig.connection.certificateAuthorities
            return Information.Cluster(
                server: kubeconfig.server, authorities: authorities.isEmpty ? nil : Data(authorities).base64EncodedString(),
                skipsVerification: kubeconfig.connection.skipsVerification ? true : nil, proxy: kubeconfig.connection.proxy)
        }
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            return String(decoding: try encoder.encode(Information(apiVersion: version, spec: .init(cluster: cluster))), as: UTF8.self)
        } catch {
            throw Unusable(reason: "has a cluster that cannot be told to a plug-in: \(error)")
        }
    }
}
