internal import HostSystem

/// An open file of a layout or archive; reads name their place.
struct LayoutFile: Sendable {
    private let file: OpenFile

    init(_ path: String) throws(LayoutError) {
        file = try LayoutError.ofFile { () throws(HostError) in try OpenFile(path) }
    }

    init(_ file: OpenFile) { self.file = file }

    var path: String { file.path }

    func size() throws(LayoutError) -> Int64 {
        try LayoutError.ofFile { () throws(HostError) in try file.size() }
    }

    /// Fills the front of `buffer` from `offset`; fewer bytes only at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(LayoutError) -> Int {
        try LayoutError.ofFile { () throws(HostError) in try file.read(into: buffer, at: offset) }
    }

    /// Reads `count` bytes, all of which must be there.
    func bytes(at offset: Int64, count: Int) throws(LayoutError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let result = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(LayoutError) in try read(into: buffer, at: offset) }
        }
        guard try result.get() == count else { throw .notALayout(path: path, reason: "it ends too early") }
        return bytes
    }
}
