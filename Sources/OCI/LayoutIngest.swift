internal import HostSystem
internal import Synchronization

/// A blob on its way into a layout: a file without a name, which becomes the layout's when the image is tagged.
final class LayoutIngest: BlobIngest {
    private let layout: OCILayoutDestination
    private let state = Mutex(State())

    private struct State {
        /// Nil before the first byte, and when it is over.
        var file: TemporaryFile?
        var isCancelled = false
    }

    init(into layout: OCILayoutDestination) { self.layout = layout }

    func claim(_ descriptor: Descriptor) async throws -> Bool { layout.has(descriptor) }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        let file = try file()
        try LayoutError.ofFile { () throws(HostError) in try file.append(bytes) }
    }

    private func file() throws -> TemporaryFile {
        try state.withLock { state in
            if state.isCancelled { throw CancellationError() }
            if let file = state.file { return file }
            let file = try layout.temporaryFile()
            state.file = file
            return file
        }
    }

    func commit(_ descriptor: Descriptor) async throws -> Bool {
        if layout.has(descriptor) { return true }
        try layout.put(descriptor, .file(file()))
        return false
    }

    func cancel() { state.withLock { $0.isCancelled = true } }

    func abandon() async { state.withLock { $0.file = nil } }
}
