internal import Compression
internal import Digests
internal import Glibc
internal import Threads

/// Threads that hash chunks and compress members, shared by all layers that are being written.
///
/// Memory is bounded here: a batch is taken in only while the batches under way (taken in and not yet written out) stay below
/// `bytesInFlight`; whoever brings more waits. One batch is always allowed, so that nothing can lock up.
public final class MemberPool: Sendable {
    /// Numbers of threads that are accepted; 256 is more than any machine gains from.
    public static let jobs = 1...256
    /// Uncompressed bytes under way at most: room for eight threads at the default chunk size with as much again waiting.
    public static let defaultBytesInFlight = 64 << 20

    /// One thread per processor that this process may use.
    public static var defaultJobs: Int { min(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), jobs.upperBound) }

    /// A batch's result, when it is there.
    typealias Ticket = Monitor<CompressedBatch?>

    private struct State {
        var waiting: [(batch: MemberBatch, ticket: Ticket)] = []
        var bytesInFlight = 0
        var isStopping = false
    }

    private let state = Monitor(State())
    private let threads: [NativeThread]
    private let limit: Int
    /// How the members are made.
    public let compression: MemberCompression
    /// The level that the members are made with, the library's.
    public let level: Int

    /// Starts the threads.
    ///
    /// - Parameters:
    ///   - jobs: how many, in `MemberPool.jobs`.
    ///   - level: of the library that makes the members; when nil its default, and a better one for what stands before a landmark.
    /// - Throws: `EStargzWriterError`.
    public init(
        jobs: Int, compression: MemberCompression = .gzip, level: Int? = nil, bytesInFlight: Int = MemberPool.defaultBytesInFlight
    ) throws(EStargzWriterError) {
        guard MemberPool.jobs.contains(jobs) else { throw .jobs(jobs) }
        limit = bytesInFlight
        let frontLevel = level ?? compression.defaultFrontLevel
        let level = level ?? compression.defaultLevel
        self.compression = compression
        self.level = level
        var threads: [NativeThread] = []
        do throws(EStargzWriterError) {
            for _ in 0..<jobs {
                let compressor = try CompressorBox(compression, level: level, frontLevel: frontLevel)
                threads.append(try .starting("compress") { [state] in MemberPool.work(compressor, state) })
            }
        } catch {
            MemberPool.stop(state, threads)
            throw error
        }
        self.threads = threads
    }

    deinit { MemberPool.stop(state, threads) }

    /// Hands a batch to the threads; waits while too much is under way. `release` must follow once the result was used.
    func submit(_ batch: MemberBatch) -> Ticket {
        let ticket = Ticket(nil)
        state.wait { (state: inout State) -> Void? in
            guard state.bytesInFlight == 0 || state.bytesInFlight + batch.bytes.count <= limit else { return nil }
            state.bytesInFlight += batch.bytes.count
            state.waiting.append((batch, ticket))
            return ()
        }
        return ticket
    }

    /// Says that a batch of that many uncompressed bytes is written and gone.
    func release(byteCount: Int) {
        state.update { $0.bytesInFlight -= byteCount }
    }

    private static func stop(_ state: Monitor<State>, _ threads: [NativeThread]) {
        state.update { $0.isStopping = true }
        threads.forEach { $0.join() }
    }

    private static func work(_ compressor: CompressorBox, _ state: Monitor<State>) {
        while true {
            let next = state.wait { (state: inout State) -> (batch: MemberBatch, ticket: Ticket)?? in
                if !state.waiting.isEmpty { return .some(state.waiting.removeFirst()) }
                return state.isStopping ? .some(nil) : nil
            }
            guard let (batch, ticket) = next else { return }
            let result = compressor.compress(batch)
            ticket.update { $0 = result }
        }
    }
}

/// One thread's compressor.
private final class CompressorBox: @unchecked Sendable {
    // Safety: made on one thread, then used by the one worker thread that it is handed to and by nobody else.
    private let compressor: MemberCompressor
    private let frontCompressor: MemberCompressor

    init(_ compression: MemberCompression, level: Int, frontLevel: Int) throws(EStargzWriterError) {
        do {
            compressor = try MemberCompressor(compression, level: level)
            frontCompressor = try MemberCompressor(compression, level: frontLevel)
        } catch {
            throw .compression(error)
        }
    }

    func compress(_ batch: MemberBatch) -> CompressedBatch {
        var result = CompressedBatch()
        batch.bytes.withUnsafeBytes { bytes in
            for member in batch.members {
                let content = UnsafeRawBufferPointer(rebasing: bytes[member.range])
                for case .chunk(let chunk, let start) in member.items {
                    result.chunkDigests.append(Digest.sha256(UnsafeRawBufferPointer(rebasing: content[start..<start + chunk.size])))
                }
                result.starts.append(result.bytes.count)
                (member.isFront ? frontCompressor : compressor).member(content, into: &result.bytes)
            }
        }
        return result
    }
}
