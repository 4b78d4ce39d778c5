internal import Glibc
internal import HostSystem

/// The namespaces in which an ordinary user's containers live. podman makes them with its first command after a boot, and a process that waits for nothing
/// keeps them ("pause"). What is to be seen by all podman commands of the user is mounted in there.
public enum PodmanNamespace {
    /// Enters them; first podman makes them, where nobody has yet. To be called first thing in `main`.
    public static func enter() throws {
        if let process = pauseProcess(), (try? UserNamespace.join(process)) != nil { return }
        let made = try Program.run("podman", ["unshare", "true"])
        guard made.status == 0, let process = pauseProcess() else {
            let words = made.errorText.split(whereSeparator: \.isNewline).last.map(String.init)
            throw PodmanNamespaceError.missing(words ?? "podman keeps no process for them at \(pausePath)")
        }
        try UserNamespace.join(process)
    }

    private static func pauseProcess() -> Int32? {
        guard let text = try? Files.read(pausePath, limit: 64) else { return nil }
        return Int32(String(decoding: text, as: UTF8.self).prefix { $0.isNumber })
    }

    // containers/common: the user's runtime directory, and where there is none a directory of podman's own.
    private static var pausePath: String {
        let usual = "/run/user/\(geteuid())"
        let runtime = Paths.environment("XDG_RUNTIME_DIR") ?? (Files.isDirectory(usual) ? usual : "/tmp/podman-run-\(geteuid())")
        return runtime + "/libpod/tmp/pause.pid"
    }
}

/// An ordinary user's containers have no namespace yet, and podman makes none.
public enum PodmanNamespaceError: Error, Equatable, CustomStringConvertible {
    case missing(String)

    /// What is missing, why, and what to do.
    public var description: String {
        switch self {
        case .missing(let reason): "there is no namespace of your containers: \(reason); `podman unshare true` must work first"
        }
    }
}
