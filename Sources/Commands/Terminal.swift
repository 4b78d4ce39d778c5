import HostSystem

/// What is said to people: messages on standard error, results on standard output. Unbuffered, so that nothing is lost however we end.
enum Terminal {
    /// One line, `starling: ` before it; line breaks inside are flattened, so that a message stays a line.
    static func say(_ message: String) {
        let flat = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        show("starling: \(flat)\n")
    }

    /// Text as it is, on standard error.
    static func show(_ text: String) {
        // Nobody is left to tell when standard error is closed.
        try? write(text, to: 2)
    }

    /// A result, on standard output.
    ///
    /// - Throws: `HostError` when it cannot be written: a result that nobody got is a failure.
    static func result(_ line: String) throws(HostError) {
        try write(line + "\n", to: 1)
    }

    /// Text of somebody else, as it is, where they wrote it.
    static func pass(_ text: String, isError: Bool) throws(HostError) { try write(text, to: isError ? 2 : 1) }

    private static func write(_ text: String, to descriptor: Int32) throws(HostError) {
        let path = descriptor == 1 ? "standard output" : "standard error"
        try FileDescriptors.write(Array(text.utf8), to: descriptor, path: path)
    }
}
