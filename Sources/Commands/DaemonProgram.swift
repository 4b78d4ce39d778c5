import Daemons
import HostSystem
import OCI
import Synchronization

/// A command that may have to speak to a daemon.
protocol AsksDaemons {
    /// Whether this call does.
    var asksDaemons: Bool { get }
}

extension AsksDaemons {
    var asksDaemons: Bool { true }
}

/// A command that looks at one image, which may be in containerd.
protocol LooksAtImage: AsksDaemons {
    /// The image.
    var name: String { get }
}

extension LooksAtImage {
    var asksDaemons: Bool { ImageName.isInContainerd(name) }
}

/// Whoever speaks to daemons: this program, or one that goes on in its place.
enum DaemonProgram {
    private static let name = "starlingd"
    private static let access = Mutex<(any DaemonAccess)?>(nil)

    /// Says who speaks to daemons, before a command runs that asks them.
    static func use(_ daemons: any DaemonAccess) { access.withLock { $0 = daemons } }

    /// Who does; only for commands that ask daemons.
    static var current: any DaemonAccess {
        guard let access = access.withLock({ $0 }) else { preconditionFailure("a command that asks daemons has to say so") }
        return access
    }

    /// The same command again, by the program that speaks to daemons: starlingd beside this one, or in PATH.
    static func goOn() throws -> Never {
        let beside = Paths.parent(of: try Paths.resolved("/proc/self/exe")) + "/" + name
        guard let program = try? Paths.executable(beside, name) else { throw Missing() }
        try Program.become(program, name: "starling", Array(CommandLine.arguments.dropFirst()))
    }

    private struct Missing: Error, CustomStringConvertible {
        var description: String {
            "what has to do with containerd or starlingd is done by the program \(name), which is neither beside starling nor in PATH; "
                + "install it there"
        }
    }
}

extension ImageName {
    /// Whether that names an image in containerd; what is no name says so where it is used.
    static func isInContainerd(_ text: String) -> Bool { (try? ImageName(parsing: text))?.isInContainerd ?? false }

    /// Whether a connection to containerd is needed.
    var isInContainerd: Bool {
        if case .containerd = self { true } else { false }
    }
}
