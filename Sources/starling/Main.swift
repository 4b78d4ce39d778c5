import Commands

/// `starling`. This target only wires: what speaks to daemons is `starlingd`'s to do.
@main
enum Main {
    static func main() async { await CommandLineEntry(nil).run() }
}
