internal import CLinux
internal import Glibc

/// Terminals, ours and made ones (pty(7)).
public enum PseudoTerminal {
    /// Makes one: what is written to one side is read at the other. The caller closes both.
    public static func open() throws(HostError) -> (master: Int32, slave: Int32) {
        var ends: [Int32] = [-1, -1]
        guard starling_open_terminal(&ends) == 0 else { throw .last("make", "(a terminal)") }
        return (ends[0], ends[1])
    }

    /// Gives a terminal another size; nothing happens to what is none.
    public static func setSize(of descriptor: Int32, rows: UInt16, columns: UInt16) {
        _ = starling_set_terminal_size(descriptor, rows, columns)
    }

    /// Gives the terminal of another process another size: of its standard streams the first that is one, and nothing happens when none is.
    ///
    /// What its streams are is the process's to say, so nothing is opened but a terminal.
    public static func setSize(ofProcess process: Int32, rows: UInt16, columns: UInt16) {
        for stream in 0...2 {
            let found = OwnedDescriptor(Glibc.open("/proc/\(process)/fd/\(stream)", STARLING_O_PATH | O_CLOEXEC))
            var facts = stat()
            // The major numbers of the sides that programs have (the kernel's list of devices).
            guard fstat(found.raw, &facts) == 0, facts.st_mode & S_IFMT == S_IFCHR,
                (136...143).contains(starling_device_major(facts.st_rdev))
            else { continue }
            let terminal = OwnedDescriptor(Glibc.open("/proc/self/fd/\(found.raw)", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC))
            return setSize(of: terminal.raw, rows: rows, columns: columns)
        }
    }

    /// The size of a terminal; nil for what is none.
    public static func size(of descriptor: Int32) -> (rows: UInt16, columns: UInt16)? {
        var (rows, columns): (UInt16, UInt16) = (0, 0)
        return starling_terminal_size(descriptor, &rows, &columns) == 0 ? (rows, columns) : nil
    }
}

/// Our terminal while every key goes to somebody else; as it was before when this ends.
public final class RawTerminal: Sendable {
    private let descriptor: Int32
    private let before: termios

    /// Takes over a terminal; nil for what is none.
    public init?(_ descriptor: Int32) {
        var settings = termios()
        guard tcgetattr(descriptor, &settings) == 0 else { return nil }
        before = settings
        self.descriptor = descriptor
        cfmakeraw(&settings)
        guard tcsetattr(descriptor, TCSANOW, &settings) == 0 else { return nil }
    }

    deinit {
        var settings = before
        tcsetattr(descriptor, TCSANOW, &settings)
    }
}
