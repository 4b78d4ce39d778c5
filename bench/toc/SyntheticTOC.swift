import Digests
import EStargz

/// A TOC like a real layer's: directories of a hundred entries, most of them small files, some symbolic and hard links, some files of
/// several chunks. The same for the same numbers.
enum SyntheticTOC {
    /// Entries numbered from `first` on, a multiple of 100; TOCs of overlapping numbers have those paths in common.
    static func make(entries count: Int, from first: Int = 0) -> TOC {
        var toc = TOC()
        toc.entries.reserveCapacity(count)
        var offset: Int64 = 512
        var directory = ""
        while toc.entries.count < count {
            let number = first + toc.entries.count
            switch number % 100 {
            case 0:
                directory = "usr/lib/python3/dist-packages/package-\(number / 1000)/"
                if number % 1000 != 0 { directory += "module-\(number)/" }
                toc.entries.append(entry(directory, .directory, mode: 0o755))
            case 97: toc.entries.append(entry(directory + "current", .symlink, linkName: "../common/file-\(number).py"))
            case 98: toc.entries.append(entry(directory + "again", .hardlink, linkName: directory + "file-\(number - 97).py"))
            // One file of two chunks in a hundred entries.
            case 95: toc.entries.append(file(directory + "data.bin", size: 6 << 20, at: &offset, chunkSize: 4 << 20))
            case 96: toc.entries.append(chunk(directory + "data.bin", at: &offset))
            default: toc.entries.append(file(directory + "file-\(number).py", size: Int64(200 + number % 9000), at: &offset))
            }
        }
        return toc
    }

    private static func entry(_ name: String, _ kind: TOCEntry.Kind, mode: Int64 = 0o644, linkName: String = "") -> TOCEntry {
        var entry = TOCEntry(name: name, kind: kind)
        entry.mode = mode
        entry.linkName = linkName
        entry.modificationTime = TOCEntry.Time(seconds: 1_700_000_000)
        entry.userName = "root"
        entry.groupName = "root"
        return entry
    }

    private static func file(_ name: String, size: Int64, at offset: inout Int64, chunkSize: Int64 = 0) -> TOCEntry {
        var entry = entry(name, .regular)
        entry.size = size
        entry.chunkSize = chunkSize
        entry.digest = Digest.sha256(Array(name.utf8))
        entry.chunkDigest = entry.digest
        entry.offset = advance(&offset)
        return entry
    }

    private static func chunk(_ name: String, at offset: inout Int64) -> TOCEntry {
        var entry = TOCEntry(name: name, kind: .chunk)
        entry.chunkOffset = 4 << 20
        entry.chunkDigest = Digest.sha256([1])
        entry.offset = advance(&offset)
        return entry
    }

    /// Members of 2 KB each: where they lie matters little to who reads the table.
    private static func advance(_ offset: inout Int64) -> Int64 {
        defer { offset += 2048 }
        return offset
    }
}
