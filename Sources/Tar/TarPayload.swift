/// Where the bytes of an entry come from, when its headers were read already: the archive itself, or where somebody put them aside.
public protocol TarPayload: AnyObject {
    /// Hands out the next bytes of the payload, at most `limit`; nil at its end, and then `body` was not called.
    func withPayload<Result>(atMost limit: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result?
    /// The bytes between the payload and the next block, to be asked for after the payload was read; fewer where the archive
    /// ends.
    func padding() throws -> [UInt8]
}

extension TarReader: TarPayload {}
