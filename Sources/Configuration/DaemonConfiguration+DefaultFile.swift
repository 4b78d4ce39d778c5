extension DaemonConfiguration {
    /// A complete file with every key at its default, each explained; keys without effect are comments. Reading it gives the defaults.
    public static var defaultFile: String {
        let defaults = DaemonConfiguration()
        var lines = ["# Configuration of starlingd: every key with its default. What is not here is an error.", ""]
        lines += defaults.general.lines()
        for table in tables { lines += ["", "[\(table.name)]"] + table.lines(defaults) }
        return lines.joined(separator: "\n") + "\n"
    }
}
