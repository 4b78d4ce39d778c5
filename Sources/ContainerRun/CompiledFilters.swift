internal import Digests
internal import FoundationEssentials
internal import Glibc
internal import HostSystem
internal import OCI

/// Filters of system calls as the kernel takes them. Compiling one takes libseccomp 8 ms, of a start's 40; crun takes one that is compiled, too.
///
///     ROOT/filters/<hex>    the SHA-256 of what comes behind it, in hexadecimal digits; then what crun has made of a profile
///
/// crun is asked for it once a day: when the container runs, the filter is in crun's state. Who can change these files can change the containers.
struct CompiledFilters {
    private let directory: String
    private let runtime: ContainerRuntime

    /// How long a filter is used: the compiler may be a newer one tomorrow.
    private static let lifetime = 86_400
    /// As many as are kept. Each profile has one, and each set of capabilities.
    private static let capacity = 64
    /// The kernel's limit is 4096 instructions of 8 bytes.
    private static let maximumSize = 4096 * 8
    private static let digitCount = 2 * Digest.byteCount

    /// Filters of a root for a runtime; nil when that compiles them itself, always.
    init?(root: String, _ runtime: ContainerRuntime) {
        guard runtime.takesCompiledFilters else { return nil }
        directory = root + "/filters"
        self.runtime = runtime
    }

    /// A filter, by what it is made of.
    struct Name: Equatable {
        fileprivate let file: String
    }

    /// Names the filter that this runtime makes of a profile, in the runtime's form; nil for one with flags, which are not part of what is compiled.
    func name(of profile: JSONValue) -> Name? {
        guard profile["flags"] == nil else { return nil }
        let digest = Digest.sha256(Array(runtime.identity.utf8) + Documents.encode(profile))
        return Name(file: directory + "/" + digest.hex)
    }

    /// The annotation by which crun takes a filter (crun(1)); nil when there is none yet.
    func annotation(_ name: Name) -> (key: String, value: String)? {
        var facts = stat()
        guard stat(name.file, &facts) == 0, time(nil) - facts.st_mtim.tv_sec < CompiledFilters.lifetime,
            let bytes = try? Files.read(name.file, limit: CompiledFilters.digitCount + CompiledFilters.maximumSize)
        else { return nil }
        let program = Array(bytes.dropFirst(CompiledFilters.digitCount))
        // Nobody has waited for the disk to have it.
        guard !program.isEmpty, bytes.starts(with: Digest.sha256(program).hex.utf8) else { return nil }
        return ("run.oci.seccomp_bpf_data", Data(program).base64EncodedString())
    }

    /// Keeps the filter of a container whose program runs.
    func keep(_ name: Name, of container: ContainerDirectory) throws(HostError) {
        // Gone when the container has ended meanwhile: the next one may be slower.
        let state = container.path + "/runtime/" + container.id + "/seccomp.bpf"
        guard let program = try? Files.read(state, limit: CompiledFilters.maximumSize), !program.isEmpty, program.count % 8 == 0 else {
            return
        }
        try Files.makeDirectories(directory, mode: 0o700)
        let others = try Files.entries(directory)
        if others.count >= CompiledFilters.capacity { for other in others { try Files.remove(directory + "/" + other) } }
        try AtomicFile.write(Array(Digest.sha256(program).hex.utf8) + program, to: name.file, mode: 0o600, durably: false)
    }
}
