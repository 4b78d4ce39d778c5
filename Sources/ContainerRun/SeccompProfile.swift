internal import HostSystem
internal import OCI

/// A filter of system calls in docker's form, of which the runtime's is made: rules that hold for some capabilities, processors or kernels.
struct SeccompProfile: Decodable {
    var defaultAction: String
    var defaultErrnoRet: Int64?
    var archMap: [Architecture]?
    var architectures: [String]?
    var flags: [String]?
    var syscalls: [Rule]?

    /// A processor, and others whose programs it runs as well.
    struct Architecture: Decodable {
        var architecture: String
        var subArchitectures: [String]?

        init(_ architecture: String, _ subArchitectures: [String]) {
            self.architecture = architecture
            self.subArchitectures = subArchitectures
        }
    }

    /// What becomes of some calls.
    struct Rule: Decodable {
        var names: [String]?
        /// The same of one, as old profiles have it.
        var name: String?
        var action: String
        var errnoRet: Int64?
        var args: [Argument]?
        var includes: Condition?
        var excludes: Condition?

        init(
            _ names: [String], action: String = "SCMP_ACT_ALLOW", errnoRet: Int64? = nil, args: [Argument]? = nil,
            includes: Condition? = nil, excludes: Condition? = nil
        ) {
            self.names = names
            self.action = action
            self.errnoRet = errnoRet
            self.args = args
            self.includes = includes
            self.excludes = excludes
        }
    }

    /// A comparison of an argument.
    struct Argument: Codable {
        var index: Int64
        var value: Int64
        var valueTwo: Int64?
        var op: String

        var json: JSONValue {
            .object([
                "index": .integer(index), "value": .integer(value), "valueTwo": .integer(valueTwo ?? 0), "op": .string(op),
            ])
        }
    }

    /// Where a rule holds, or does not.
    struct Condition: Decodable {
        var caps: [String]?
        var arches: [String]?
        var minKernel: String?

        init(caps: [String]? = nil, arches: [String]? = nil) {
            self.caps = caps
            self.arches = arches
        }
    }

    /// What the conditions are about.
    struct Circumstances {
        var capabilities: Set<String>
        /// Of the machine, in Go's spelling.
        var architecture: String
        var kernel: KernelVersion
        /// Whether the kernel runs programs of the x32 ABI.
        var runsX32 = true
    }

    /// The runtime specification's "seccomp".
    func json(in circumstances: Circumstances) -> JSONValue {
        var result: [String: JSONValue] = ["defaultAction": .string(defaultAction)]
        if let defaultErrnoRet { result["defaultErrnoRet"] = .integer(defaultErrnoRet) }
        let names = architectures(in: circumstances)
        if !names.isEmpty { result["architectures"] = .strings(names) }
        if let flags { result["flags"] = .strings(flags) }
        result["syscalls"] = .array((syscalls ?? []).filter { $0.holds(in: circumstances) }.compactMap(\.json))
        return .object(result)
    }

    private static let nativeNames = ["amd64": "SCMP_ARCH_X86_64", "arm64": "SCMP_ARCH_AARCH64"]

    /// Of those that come with a processor, x32 is left out where the kernel has none: the runtime compiles the rules for each, some 9 ms.
    private func architectures(in circumstances: Circumstances) -> [String] {
        if let architectures, !architectures.isEmpty { return architectures }
        guard let native = SeccompProfile.nativeNames[circumstances.architecture],
            let entry = archMap?.first(where: { $0.architecture == native })
        else { return [] }
        return [native] + (entry.subArchitectures ?? []).filter { $0 != "SCMP_ARCH_X32" || circumstances.runsX32 }
    }
}

extension SeccompProfile.Rule {
    func holds(in circumstances: SeccompProfile.Circumstances) -> Bool {
        if let includes, !includes.allHold(in: circumstances) { return false }
        if let excludes, excludes.anyHolds(in: circumstances) { return false }
        return true
    }

    /// Nil for a rule about nothing.
    var json: JSONValue? {
        let all = (names ?? []) + (name.map { [$0] } ?? [])
        guard !all.isEmpty else { return nil }
        var rule: [String: JSONValue] = ["names": .strings(all), "action": .string(action)]
        if let errnoRet { rule["errnoRet"] = .integer(errnoRet) }
        if let args, !args.isEmpty { rule["args"] = .array(args.map(\.json)) }
        return .object(rule)
    }
}

extension SeccompProfile.Condition {
    fileprivate func allHold(in circumstances: SeccompProfile.Circumstances) -> Bool {
        if let caps, !caps.allSatisfy(circumstances.capabilities.contains) { return false }
        if let arches, !arches.isEmpty, !arches.contains(circumstances.architecture) { return false }
        if let minKernel, let version = KernelVersion(minKernel), circumstances.kernel < version { return false }
        return true
    }

    fileprivate func anyHolds(in circumstances: SeccompProfile.Circumstances) -> Bool {
        if let caps, caps.contains(where: circumstances.capabilities.contains) { return true }
        if let arches, arches.contains(circumstances.architecture) { return true }
        if let minKernel, let version = KernelVersion(minKernel), circumstances.kernel >= version { return true }
        return false
    }
}
