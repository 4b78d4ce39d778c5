internal import CAtomics
internal import Glibc

/// Which chunks of a layer are in its content file and were verified: one bit each, in a file mapped by every process that uses the store.
///
///     0   magic "STPRES01"
///     8   chunk count
///     16  boot id, 16 bytes: the boot in which the bits were written
///     32  bytes present (sum of the set chunks' sizes)
///     64  bits, in 64-bit words
///
/// A bit is set after its bytes were written, so a killed process leaves no bit without bytes: the page cache holds both. A power cut may
/// keep the bit and lose the bytes; that is why bits of another boot count only after `ChunkContent` has checked their digests again.
final class PresenceBitmap: @unchecked Sendable {
    // Safety: the mapping lives as long as the object, and every access is an atomic operation of CAtomics.
    private let mapping: UnsafeMutableRawPointer
    private let length: Int
    let count: Int

    private static let magic: UInt64 = 0x3130_5345_5250_5453
    private static let headerSize = 64

    private var bits: UnsafeMutableRawPointer { mapping + PresenceBitmap.headerSize }

    static func fileSize(count: Int) -> Int { headerSize + (count + 63) / 64 * 8 }

    /// The bytes of an empty bitmap's file.
    static func emptyFile(count: Int, boot: BootIdentity) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: fileSize(count: count))
        bytes.withUnsafeMutableBytes { buffer in
            buffer.storeBytes(of: magic.littleEndian, as: UInt64.self)
            buffer.storeBytes(of: UInt64(count).littleEndian, toByteOffset: 8, as: UInt64.self)
            buffer.storeBytes(of: boot.low, toByteOffset: 16, as: UInt64.self)
            buffer.storeBytes(of: boot.high, toByteOffset: 24, as: UInt64.self)
        }
        return bytes
    }

    /// Maps the file, whose size decides first: what lies behind a file's end raises SIGBUS.
    init(_ file: OpenFile, count: Int) throws(StoreError) {
        let path = file.path
        length = PresenceBitmap.fileSize(count: count)
        self.count = count
        let size = try file.size()
        guard size == length else { throw .damaged(path: path, reason: "\(size) bytes instead of \(length)") }
        guard let mapping = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, file.descriptor, 0), mapping != MAP_FAILED else {
            throw .last("map", path)
        }
        self.mapping = mapping
        guard mapping.load(as: UInt64.self) == PresenceBitmap.magic.littleEndian,
            mapping.load(fromByteOffset: 8, as: UInt64.self) == UInt64(count)
        else {
            munmap(mapping, length)
            throw .damaged(path: path, reason: "not a bitmap of \(count) chunks")
        }
    }

    deinit { munmap(mapping, length) }

    func isSet(_ index: Int) -> Bool { starling_bit_is_set(bits, UInt64(index)) != 0 }

    /// Sets a bit; the bytes are counted once however many set it.
    func set(_ index: Int, size: UInt64) {
        if starling_bit_set(bits, UInt64(index)) == 0 { _ = starling_word_add(mapping + 32, size) }
    }

    /// Clears a bit, of bytes that were counted.
    func clear(_ index: Int, size: UInt64) {
        starling_bit_clear(bits, UInt64(index))
        _ = starling_word_add(mapping + 32, 0 &- size)
    }

    /// Sum of the sizes of the chunks that are present.
    var bytesPresent: UInt64 {
        get { starling_word_load(mapping + 32) }
        set { starling_word_store(mapping + 32, newValue) }
    }

    var boot: BootIdentity {
        get { BootIdentity(low: starling_word_load(mapping + 16), high: starling_word_load(mapping + 24)) }
        set {
            starling_word_store(mapping + 16, newValue.low)
            starling_word_store(mapping + 24, newValue.high)
        }
    }
}
