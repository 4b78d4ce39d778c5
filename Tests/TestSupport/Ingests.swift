import HostSystem
public import OCI
import Threads

extension BlobIngest {
    /// Writes bytes on a thread that may wait, in steps of so many.
    public func write(_ bytes: [UInt8], step: Int = 100_000) async throws {
        try await BlockingTask.run {
            try bytes.withUnsafeBytes { buffer in
                for start in stride(from: 0, to: buffer.count, by: step) {
                    try self.write(UnsafeRawBufferPointer(rebasing: buffer[start..<min(start + step, buffer.count)]))
                }
            }
        }
    }
}

extension ImageDestination {
    /// Terms of a blob with temporary files in /tmp and without a bound.
    private var terms: IngestTerms { IngestTerms(directory: "/tmp", budget: DiskBudget(limit: nil)) }

    /// Stores a blob of another source; says whether it was there before.
    public func store(_ descriptor: Descriptor, from source: any ImageSource) async throws -> Bool {
        try await ingest(terms).ending { try await $0.take(descriptor) { try await source.blob(descriptor) } }
    }

    /// Whether a blob is there.
    public func has(_ descriptor: Descriptor) async throws -> Bool {
        try await ingest(terms).ending { try await $0.claim(descriptor) }
    }
}
