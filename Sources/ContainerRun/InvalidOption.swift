/// A value of the command line that means nothing; what was given stands in the message of who parses the command line.
public struct InvalidOption: Error, Equatable, CustomStringConvertible {
    /// What was given.
    public let text: String
    /// What is wrong with it, or what was expected.
    public let reason: String

    /// One line for the user.
    public var description: String { "\"\(text)\": \(reason)" }
}
