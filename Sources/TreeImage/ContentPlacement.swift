internal import EROFS
internal import EStargz

/// Where in the content file each file's bytes begin: in the order in which they are in the blob, each at a multiple of 4 KiB.
struct ContentPlacement: Sendable {
    /// Alignment of a file's bytes in the content file: the block size of EROFS.
    private static let alignment: UInt64 = 4096

    /// Entry indexes of the files, in the blob's order.
    let order: [Int]
    /// Where each file's bytes begin, by the index of its TOC entry; 0 for all other entries.
    private(set) var offsets: [UInt64]
    /// Size of the content file.
    private(set) var size: UInt64 = 0

    /// - Parameter files: entry indexes of regular files with content, each once.
    init(_ toc: TOC, files: [Int]) throws(TreeImageError) {
        order = files.sorted {
            (toc.entries[$0].offset, toc.entries[$0].innerOffset) < (toc.entries[$1].offset, toc.entries[$1].innerOffset)
        }
        offsets = Array(repeating: 0, count: toc.entries.count)
        for file in order {
            let fileSize = UInt64(toc.entries[file].size)
            guard fileSize <= EROFSTree.maximumContent - min(size, EROFSTree.maximumContent) else {
                throw .entry(
                    path: toc.entries[file].name,
                    "the files make more than the \(EROFSTree.maximumContent) bytes that a layer can hold")
            }
            offsets[file] = size
            size = ContentPlacement.aligned(size + fileSize)
        }
    }

    private static func aligned(_ offset: UInt64) -> UInt64 { (offset + alignment - 1) / alignment * alignment }
}
