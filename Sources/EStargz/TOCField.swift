internal import Glibc

/// A member of a TOC or of one of its entries.
enum TOCField: UInt32 {
    case version, entries
    case type, name, linkName, userName, groupName, mode, uid, gid, modificationTime, xattrs
    case size, offset, innerOffset, digest, chunkOffset, chunkSize, chunkDigest
    case deviceMajor, deviceMinor, linkCount

    /// The member of a key; nil for one that is not known.
    ///
    /// Keys are compared as Go's encoding/json does, which the reference and whoever else reads TOCs use: A to Z are a to z, and so are the two
    /// letters elsewhere in Unicode whose other case is one of these.
    static func of(_ key: UnsafeRawBufferPointer) -> TOCField? { ofASCII(key) ?? ofFolded(key) }

    private static func ofASCII(_ key: UnsafeRawBufferPointer) -> TOCField? {
        func field(_ word: StaticString, _ field: TOCField) -> TOCField? { key.spells(word) ? field : nil }
        // By length first: a TOC has millions of keys.
        switch key.count {
        case 3: return field("uid", .uid) ?? field("gid", .gid)
        case 4: return field("name", .name) ?? field("type", .type) ?? field("size", .size) ?? field("mode", .mode)
        case 6: return field("offset", .offset) ?? field("digest", .digest) ?? field("xattrs", .xattrs)
        case 7:
            return field("modtime", .modificationTime) ?? field("NumLink", .linkCount) ?? field("version", .version)
                ?? field("entries", .entries)
        case 8:
            return field("linkName", .linkName) ?? field("userName", .userName) ?? field("devMajor", .deviceMajor)
                ?? field("devMinor", .deviceMinor)
        case 9: return field("chunkSize", .chunkSize) ?? field("groupName", .groupName)
        case 11:
            return field("innerOffset", .innerOffset) ?? field("chunkOffset", .chunkOffset) ?? field("chunkDigest", .chunkDigest)
        default: return nil
        }
    }

    /// The member of a key that has one of the two letters, U+017F for s or U+212A for k.
    private static func ofFolded(_ key: UnsafeRawBufferPointer) -> TOCField? {
        guard key.contains(where: { $0 >= 0x80 }) else { return nil }
        var folded: [UInt8] = []
        for scalar in String(decoding: key, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\u{17f}": folded.append(UInt8(ascii: "s"))
            case "\u{212a}": folded.append(UInt8(ascii: "k"))
            case "\0"..."\u{7f}": folded.append(UInt8(truncatingIfNeeded: scalar.value))
            default: return nil
            }
        }
        return folded.withUnsafeBytes { ofASCII($0) }
    }
}

/// The members that an object had so far.
struct TOCFieldSet {
    private var bits: UInt32 = 0

    func contains(_ field: TOCField) -> Bool { bits & 1 << field.rawValue != 0 }

    /// Adds a member; false when it was there.
    mutating func insert(_ field: TOCField) -> Bool {
        defer { bits |= 1 << field.rawValue }
        return !contains(field)
    }
}

extension UnsafeRawBufferPointer {
    /// Whether it is a word, byte for byte.
    func isSpelled(_ word: StaticString) -> Bool {
        guard let baseAddress, count == word.utf8CodeUnitCount else { return false }
        return memcmp(baseAddress, word.utf8Start, count) == 0
    }

    /// Whether it is a word of ASCII letters, whatever their case.
    fileprivate func spells(_ word: StaticString) -> Bool {
        guard count == word.utf8CodeUnitCount else { return false }
        // What differs from a letter in this bit only is the letter of the other case.
        for index in 0..<count where (self[index] ^ word.utf8Start[index]) & ~0x20 != 0 { return false }
        return true
    }
}
