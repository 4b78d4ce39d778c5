import Tar

/// An archive in memory, read in steps of a given size, that can end early or fail.
final class Bytes: TarInput {
    struct Failure: Error {}
    private let bytes: [UInt8]
    private let step: Int
    private let failAt: Int?
    private var position = 0

    init(_ bytes: [UInt8], step: Int = 1 << 20, failAt: Int? = nil) {
        self.bytes = bytes
        self.step = step
        self.failAt = failAt
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if let failAt, position >= failAt { throw Failure() }
        let count = min(step, buffer.count, bytes.count - position)
        buffer.copyBytes(from: bytes[position..<position + count])
        position += count
        return count
    }
}

/// Header blocks field by field, right or wrong.
struct Header {
    var name: [UInt8] = Array("file".utf8)
    var mode = "0000644\0"
    var uid: [UInt8] = Array("0001750\0".utf8)
    var gid: [UInt8] = Array("0000144\0".utf8)
    var size: [UInt8] = Array("00000000000\0".utf8)
    var mtime: [UInt8] = Array("14524725060\0".utf8)
    var type: UInt8 = UInt8(ascii: "0")
    var linkName = ""
    var magic: [UInt8] = Array("ustar\u{0}00".utf8)
    var userName = ""
    var groupName = ""
    var major = "0000000\0"
    var minor = "0000000\0"
    var prefix = ""
    var tail: [UInt8] = []
    var checksumOff = 0
    var usesSignedSum = false

    init(_ name: String = "file", type: Character = "0", size: Int = 0) {
        self.name = Array(name.utf8)
        self.type = type.asciiValue ?? 0
        setSize(size)
    }

    mutating func setSize(_ value: Int) {
        let digits = String(value, radix: 8)
        size = Array((String(repeating: "0", count: 11 - digits.count) + digits + "\0").utf8)
    }

    var block: [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ bytes: [UInt8], _ offset: Int) { block.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
        put(Array(name.prefix(100)), 0)
        put(Array(mode.utf8), 100)
        put(uid, 108)
        put(gid, 116)
        put(size, 124)
        put(mtime, 136)
        put([UInt8](repeating: 0x20, count: 8), 148)
        block[156] = type
        put(Array(linkName.utf8), 157)
        put(magic, 257)
        put(Array(userName.utf8), 265)
        put(Array(groupName.utf8), 297)
        put(Array(major.utf8), 329)
        put(Array(minor.utf8), 337)
        put(Array(prefix.utf8), 345)
        put(tail, 512 - tail.count)
        let sum = block.reduce(0) { $0 + (usesSignedSum ? Int(Int8(bitPattern: $1)) : Int($1)) } + checksumOff
        let digits = String(sum, radix: 8)
        put(Array((String(repeating: "0", count: 6 - digits.count) + digits + "\0 ").utf8), 148)
        return block
    }
}

func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + [UInt8](repeating: 0, count: -bytes.count & 511) }

/// An extended header of a type with a payload.
func extended(_ type: Character, _ payload: [UInt8]) -> [UInt8] {
    Header("././@header", type: type, size: payload.count).block + padded(payload)
}

/// A pax record with the right length in front.
func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
    let rest = Array(" \(key)=".utf8) + value + [0x0a]
    var length = rest.count + 1
    while String(length).utf8.count + rest.count != length { length += 1 }
    return Array(String(length).utf8) + rest
}

func record(_ key: String, _ value: String) -> [UInt8] { record(key, Array(value.utf8)) }

let end = [UInt8](repeating: 0, count: 1024)

func entries(_ archive: [UInt8], step: Int = 1 << 20) throws -> [TarEntry] {
    let reader = TarReader(Bytes(archive, step: step))
    var result: [TarEntry] = []
    while let entry = try reader.next() { result.append(entry) }
    return result
}

func first(_ archive: [UInt8]) throws -> TarEntry {
    let reader = TarReader(Bytes(archive + end))
    guard let entry = try reader.next() else { throw Bytes.Failure() }
    return entry
}

/// Reads everything and puts it together again.
func rebuilt(_ archive: [UInt8], step: Int) throws -> [UInt8] {
    let reader = TarReader(Bytes(archive, step: step))
    var result: [UInt8] = []
    while let entry = try reader.next() {
        result += entry.headerBytes
        while try reader.withPayload(atMost: 1000, { result += $0 }) != nil {}
        result += try reader.padding()
    }
    return result
}
