public import Compression
internal import Threads

/// Why a layer could not be written.
public enum EStargzWriterError: Error, Equatable, CustomStringConvertible {
    /// A chunk size outside `EStargzWriter.Options.chunkSizes`, in bytes.
    case chunkSize(Int)
    /// A minimum chunk size outside `EStargzWriter.Options.minimumChunkSizes`, or too large beside the chunk size, in bytes.
    case minimumChunkSize(Int)
    /// The pool makes members of another kind than the format has.
    case poolOfAnotherCompression
    /// Fewer than one or too many threads.
    case jobs(Int)
    /// The compressor refused its settings.
    case compression(CompressionError)
    /// No thread could be started.
    case thread(errno: Int32)
    /// The writer was told to stop.
    case cancelled

    /// One line for the user.
    public var description: String {
        switch self {
        case .chunkSize(let size):
            "chunk size \(size) is not possible; choose from \(EStargzWriter.Options.chunkSizes.lowerBound) "
                + "to \(EStargzWriter.Options.chunkSizes.upperBound) bytes"
        case .minimumChunkSize(let size):
            "minimum chunk size \(size) is not possible; choose from \(EStargzWriter.Options.minimumChunkSizes.lowerBound) "
                + "to \(EStargzWriter.Options.minimumChunkSizes.upperBound) bytes, and less beside a large chunk size"
        case .poolOfAnotherCompression: "the compressing threads were made for another format"
        case .jobs(let jobs):
            "\(jobs) threads are not possible; choose from \(MemberPool.jobs.lowerBound) to \(MemberPool.jobs.upperBound)"
        case .compression(let error): error.description
        case .thread(let errno): "no thread could be started (errno \(errno)); the limit on processes may be reached"
        case .cancelled: "the conversion was cancelled"
        }
    }
}

extension NativeThread {
    /// Starts a thread; a failure is the writer's.
    static func starting(_ name: String, _ body: @escaping @Sendable () -> Void) throws(EStargzWriterError) -> NativeThread {
        do {
            return try start(name: name, body)
        } catch {
            throw .thread(errno: error.code)
        }
    }
}
