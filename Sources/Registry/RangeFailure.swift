/// Why one attempt to read a range did not reach its end. What came before that counts: whoever asks again asks for the rest.
public struct RangeFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What happened; where several hosts were asked, at the last of them.
    public let error: RegistryError
    /// How long the registry asks to be left alone.
    public let retryAfter: Duration?

    /// A failure that the registry said no more of.
    public init(_ error: RegistryError, retryAfter: Duration? = nil) {
        self.error = error
        self.retryAfter = retryAfter
    }

    /// Whether it is trouble that passes: a registry that cannot be reached (it may restart), a cut, silence, 429, 5xx. What is no
    /// passing trouble may still be better next time (an answer that makes no sense), but not for being waited for.
    public var isPassing: Bool { error.isUnreachable || error.isTransient }

    /// Whether the caller gave up, or the client was shut down.
    public var isCancellation: Bool { error == .cancelled }

    /// One line for the log.
    public var description: String { error.description }
}
