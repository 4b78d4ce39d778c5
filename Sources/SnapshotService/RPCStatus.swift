internal import GRPCCore
internal import HostSystem
internal import Snapshots

// Which gRPC status an error becomes: all of it, and only here. containerd turns the codes back into its own errors and acts on them
// (NOT_FOUND: create it, ALREADY_EXISTS: use it, UNAVAILABLE: try again), so a wrong code is a wrong action.

extension RPCError {
    /// Longest message, in bytes. Messages travel in an HTTP/2 header: from 17 KiB on some peers drop the whole connection.
    static let maximumMessage = 4096

    init(snapshotError error: any Error) {
        switch error {
        case let error as SnapshotError: self.init(code: Self.code(error), message: Self.bounded(error.description))
        case let error as HostError: self.init(code: Self.code(error), message: Self.bounded(error.description))
        case is CancellationError: self.init(code: .cancelled, message: "the call was cancelled")
        case let error as RPCError: self = error
        default: self.init(code: .internalError, message: Self.bounded("\(error)"))
        }
    }

    private static func code(_ error: SnapshotError) -> Code {
        switch error {
        case .notFound: .notFound
        case .alreadyExists, .targetExists: .alreadyExists
        case .wrongKind, .hasChildren, .directoryMissing, .mustBeLazy: .failedPrecondition
        case .parentNotCommitted, .invalidArgument, .invalidFilter: .invalidArgument
        case .layerUnavailable: .unavailable
        case .metadata, .damaged: .internalError
        case .system(let error): code(error)
        }
    }

    private static func code(_ error: HostError) -> Code {
        switch error {
        case .call(_, _, let code) where HostError.isNoSpace(code): .resourceExhausted
        case .locked: .unavailable
        default: .internalError
        }
    }

    /// Cuts a message at a character.
    static func bounded(_ message: String) -> String {
        guard message.utf8.count > maximumMessage else { return message }
        var bytes = Array(message.utf8.prefix(maximumMessage - 3))
        while let last = bytes.last, last & 0xc0 == 0x80 { bytes.removeLast() }
        if let last = bytes.last, last >= 0xc0 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self) + "…"
    }
}

extension RPCError.Code {
    /// Whether it is the daemon or its machine that failed, not the request.
    var isServerFailure: Bool { self == .internalError || self == .unavailable || self == .resourceExhausted || self == .unknown }
}
