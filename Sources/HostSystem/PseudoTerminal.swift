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
