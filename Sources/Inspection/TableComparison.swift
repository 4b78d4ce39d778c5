internal import Digests
internal import EStargz
internal import Tar

/// Compares what a layer's TOC says with the layer's archive, file by file and chunk by chunk: lazily containers see the one, unpacked the other, and all
/// digests may be right though the two are different.
struct TableComparison {
    /// Files as the TOC has them, by clean name; of several entries of a name the last counts, as when an archive is unpacked.
    private var listed: [String: Listed] = [:]
    private var found: [String: FileFacts] = [:]

    private struct Listed {
        var facts: FileFacts
        /// Chunks of a regular file, in order; a size of 0 means to the end.
        var chunks: [(size: Int64, digest: Digest)] = []

        mutating func add(_ size: Int64, _ digest: Digest) {
            chunks.append((size, digest))
            facts.contents.append(digest)
        }
    }

    init(_ toc: TOC) {
        for entry in toc.entries {
            let name = TOC.cleanName(entry.name)
            if TOC.isInternalName(name) { continue }
            if let facts = FileFacts(entry) { listed[name] = Listed(facts: facts.asInTOC) }
            guard entry.kind == .regular || entry.kind == .chunk else { continue }
            if let digest = entry.chunkDigest {
                listed[name]?.add(entry.chunkSize, digest)
            } else if let digest = entry.digest, entry.size > 0 {
                // In one chunk, or the layer would have been refused.
                listed[name]?.add(0, digest)
            }
        }
    }

    /// Reads one entry of the archive, its payload divided as the TOC divides it.
    mutating func read(_ entry: TarEntry, _ reader: TarReader) throws {
        let name = TOC.cleanName(entry.name)
        if TOC.isInternalName(name) { return }
        var contents: [Digest] = []
        if entry.kind == .regular {
            for chunk in listed[name]?.chunks ?? [] {
                var hasher = SHA256Hasher()
                var left = chunk.size > 0 ? Int(clamping: chunk.size) : Int.max
                while left > 0,
                    let count = try reader.withPayload(
                        atMost: left,
                        {
                            hasher.update($0)
                            return $0.count
                        })
                {
                    left -= count
                }
                contents.append(hasher.digestSoFar())
            }
            // A file without a chunk has nothing in it, or what it has is not in the TOC.
            var rest = 0
            while let count = try reader.withPayload(atMost: .max, \.count) { rest += count }
            if rest > 0 { contents.append(Digest.sha256([])) }
        }
        found[name] = FileFacts(entry, contents: contents).asInTOC
    }

    /// The differences, a line each, sorted by path.
    var differences: [String] {
        Set(listed.keys).union(found.keys).sorted().compactMap { path in
            switch (found[path], listed[path]?.facts) {
            case (nil, _): "\(path): only in the TOC"
            case (_, nil): "\(path): not in the TOC"
            case (let file?, let entry?): file == entry ? nil : "\(path): \(file.difference(to: entry, in: "the TOC"))"
            }
        }
    }
}
