import FetchEngine
import Registry
import Synchronization
import Threads

/// A blob in memory that answers ranges from a thread of its own, counts them, and can be damaged.
final class MemoryBlob: RangeSource {
    private let bytes: Mutex<[UInt8]>
    private let requested = Mutex<[Range<UInt64>]>([])
    private let held = Monitor(false)

    init(_ bytes: [UInt8]) { self.bytes = Mutex(bytes) }

    /// Ranges asked for so far.
    var ranges: [Range<UInt64>] { requested.withLock { $0 } }

    /// Answers nothing until told otherwise, as a registry that is stuck.
    func hold(_ isHeld: Bool) { held.update { $0 = isHeld } }

    /// Flips a bit.
    func flip(_ offset: Int) { bytes.withLock { $0[offset] ^= 0x10 } }

    func stream(
        _ range: Range<UInt64>, receive: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool,
        completion: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) -> any CancellableTransfer {
        requested.withLock { $0.append(range) }
        let part = bytes.withLock { Array($0[Int(range.lowerBound)..<Int(range.upperBound)]) }
        // A thread and no task: tests read files of the mount on Swift's few threads, and those wait for this.
        do {
            try NativeThread.start(name: "memory-blob") { [held] in
                held.wait { $0 ? nil : () }
                // In pieces that fall anywhere, as a network's do.
                for start in stride(from: 0, to: part.count, by: 7_001) {
                    let more = part[start..<min(part.count, start + 7_001)].withUnsafeBytes { receive($0) }
                    guard more else { break }
                }
                completion(.success(()))
            }.detach()
        } catch {
            completion(.failure(error))
        }
        return Unstoppable()
    }

    private struct Unstoppable: CancellableTransfer {
        func cancel() {}
    }
}
