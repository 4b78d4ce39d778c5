internal import Glibc

extension ChildProcess {
    /// Where one of the three standard streams leads.
    public enum Stream: Sendable, Equatable {
        /// Where ours leads.
        case inherit
        /// /dev/null.
        case null
        /// An open descriptor, which stays the caller's.
        case descriptor(Int32)

        func descriptor(_ number: Int32, _ null: Int32) -> Int32 {
            switch self {
            case .inherit: number
            case .null: null
            case .descriptor(let descriptor): descriptor
            }
        }
    }

    /// How a program is started.
    public struct Options: Sendable {
        /// `NAME=value` entries; ours when nil.
        public var environment: [String]?
        /// Directory it starts in; ours when nil.
        public var workingDirectory: String?
        /// Standard input.
        public var input: Stream
        /// Standard output.
        public var output: Stream
        /// Standard error.
        public var error: Stream
        /// Whether it leads a process group of its own, so that a Ctrl-C at our terminal does not reach it.
        public var newProcessGroup: Bool
        /// Directory that it sees empty, and writable, in a mount namespace of its own; nil for none.
        public var hiddenDirectory: String?

        /// Everything inherited unless said otherwise.
        public init(
            environment: [String]? = nil, workingDirectory: String? = nil, input: Stream = .inherit, output: Stream = .inherit,
            error: Stream = .inherit, newProcessGroup: Bool = false, hiddenDirectory: String? = nil
        ) {
            self.environment = environment
            self.workingDirectory = workingDirectory
            self.input = input
            self.output = output
            self.error = error
            self.newProcessGroup = newProcessGroup
            self.hiddenDirectory = hiddenDirectory
        }

        func openNullIfNeeded() throws(HostError) -> Int32 {
            guard [input, output, error].contains(.null) else { return -1 }
            let descriptor = open("/dev/null", O_RDWR | O_CLOEXEC)
            guard descriptor >= 0 else { throw .last("open", "/dev/null") }
            return descriptor
        }
    }
}

/// An argument vector as C wants it: a null-terminated array of C strings, freed with its owner.
final class CStringArray {
    let pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) {
        pointers = strings.map { strdup($0) } + [nil]
    }

    deinit { pointers.forEach { free($0) } }
}
