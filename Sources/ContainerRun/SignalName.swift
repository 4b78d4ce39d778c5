internal import Glibc

/// Signals by name, as people and images write them.
public enum SignalName {
    private static let numbers: [String: Int32] = [
        "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "ILL": SIGILL, "TRAP": SIGTRAP, "ABRT": SIGABRT, "BUS": SIGBUS, "FPE": SIGFPE,
        "KILL": SIGKILL, "USR1": SIGUSR1, "SEGV": SIGSEGV, "USR2": SIGUSR2, "PIPE": SIGPIPE, "ALRM": SIGALRM, "TERM": SIGTERM,
        "CHLD": SIGCHLD, "CONT": SIGCONT, "STOP": SIGSTOP, "TSTP": SIGTSTP, "TTIN": SIGTTIN, "TTOU": SIGTTOU, "URG": SIGURG,
        "XCPU": SIGXCPU, "XFSZ": SIGXFSZ, "VTALRM": SIGVTALRM, "PROF": SIGPROF, "WINCH": SIGWINCH, "IO": SIGIO, "PWR": SIGPWR,
        "SYS": SIGSYS,
    ]
    /// Linux has 64.
    private static let last: Int32 = 64

    /// Reads `SIGTERM`, `term`, `15` and, of the real-time ones, `SIGRTMIN+3`; nil for what is none.
    public static func number(_ text: String) -> Int32? {
        if let number = Int32(text) { return (1...last).contains(number) ? number : nil }
        let upper = text.uppercased()
        let name = upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper
        if let number = numbers[name] { return number }
        // systemd, as the first process of a container, is asked to end by such a one. 34 is the C library's first.
        guard name.hasPrefix("RTMIN") else { return nil }
        let distance = name == "RTMIN" ? 0 : Int32(name.dropFirst("RTMIN".count))
        return distance.flatMap { (0...30).contains($0) ? 34 + $0 : nil }
    }
}
