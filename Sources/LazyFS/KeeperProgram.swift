/// How the keeper is started: a program that calls `DescriptorKeeper.run`.
public struct KeeperProgram: Sendable {
    /// Path of the program.
    public let path: String
    /// Its arguments.
    public let arguments: [String]

    /// Names a program.
    public init(path: String, arguments: [String]) {
        self.path = path
        self.arguments = arguments
    }
}
