import Compression
import Digests
import EStargz
import Tar
import Testing

@Suite("writing eStargz layers")
struct EStargzWriterTests {
    /// The fixture with its earlier duplicates dropped, as the reference does: readers take the last one anyway.
    func withoutOffsets(_ toc: TOC) -> [TOCEntry] {
        var last: [String: Int] = [:]
        for (index, entry) in toc.entries.enumerated() where entry.kind != .chunk { last[entry.name] = index }
        return toc.entries.enumerated().compactMap { index, entry in
            guard entry.kind == .chunk || last[entry.name] == index else { return nil }
            var entry = entry
            entry.offset = 0
            // The reference rounds times to seconds.
            entry.modificationTime?.nanoseconds = 0
            return entry
        }
    }

    @Test("the TOC of the awkward layer is the reference's, entry for entry")
    func reference() throws {
        let written = try write(gunzip(testdata("fixtures/a-layer.tar.gz")))
        let expected = try testdata("fixtures/a-estargz.toc.json").withUnsafeBytes { try TOCParser.parse($0) }
        let (ours, theirs) = (withoutOffsets(written.toc), withoutOffsets(expected))
        #expect(ours.map(\.name) == theirs.map(\.name))
        for (our, their) in zip(ours, theirs) { #expect(our == their) }
        #expect(written.toc.version == 1)
    }

    @Test("a fraction of a second is kept")
    func fraction() throws {
        let written = try write(gunzip(testdata("fixtures/a-layer.tar.gz")))
        let entry = try #require(written.toc.entries.first { $0.name == "xattr" })
        #expect(entry.modificationTime == TOCEntry.Time(seconds: 1_700_000_003, nanoseconds: 123_456_789))
    }

    @Test("the full decompression is the landmark, the source's entries unchanged, and the TOC")
    func decompression() throws {
        let source = try gunzip(testdata("fixtures/a-layer.tar.gz"))
        let written = try write(source)
        let content = try gunzip(written.blob)
        let landmark = TarWriter.header(name: TOC.noPrefetchLandmark, size: 1) + [0x0f] + TarWriter.padding(afterSize: 1)
        var end = source.count
        while source[(end - 512)..<end].allSatisfy({ $0 == 0 }) { end -= 512 }
        #expect(content.starts(with: landmark))
        #expect(content[landmark.count...].starts(with: source[..<end]))
        #expect(content[(landmark.count + end)...].starts(with: Array(TOC.entryName.utf8)))
        #expect(written.layer.diffID == Digest.sha256(content))
        #expect(written.layer.uncompressedSize == Int64(content.count))
        #expect(written.layer.digest == Digest.sha256(written.blob))
        #expect(written.layer.size == Int64(written.blob.count))
    }

    @Test("every chunk is at its offset, at the front of a member, with its digest", arguments: [4 << 10, 1 << 20, 4 << 20])
    func chunks(chunkSize: Int) throws {
        let written = try write(gunzip(testdata("fixtures/a-layer.tar.gz")), chunkSize: chunkSize)
        let chunks = written.toc.entries.filter { $0.chunkDigest != nil }
        let decompressor = try GzipDecompressor()
        var file: (size: Int64, read: Int64) = (0, 0)
        for (index, chunk) in chunks.enumerated() {
            if chunk.kind == .regular {
                #expect(file.size == file.read)
                file = (chunk.size, 0)
            }
            #expect(chunk.chunkOffset == file.read)
            let size = chunk.chunkSize > 0 ? chunk.chunkSize : file.size - file.read
            file.read += size
            let end = index + 1 < chunks.count ? chunks[index + 1].offset : written.layer.tocOffset
            var content = [UInt8](repeating: 0, count: Int(size))
            try written.blob[Int(chunk.offset)..<Int(end)].withUnsafeBytes { span in
                try content.withUnsafeMutableBytes { try decompressor.decompressPrefix(of: span, into: $0) }
            }
            #expect(Digest.sha256(content) == chunk.chunkDigest)
            if size == file.size { #expect(chunk.digest == chunk.chunkDigest) }
        }
    }

    @Test("the bytes are the same for any number of threads and any memory bound", arguments: [4 << 10, 100_000, 4 << 20])
    func deterministic(chunkSize: Int) throws {
        let source = try gunzip(testdata("fixtures/a-layer.tar.gz"))
        let one = try write(source, jobs: 1, chunkSize: chunkSize)
        for (jobs, bound) in [(2, 8 << 20), (8, 64 << 20), (8, 1)] {
            let other = try write(source, jobs: jobs, chunkSize: chunkSize, bytesInFlight: bound)
            #expect(other.layer == one.layer)
            #expect(other.blob == one.blob)
        }
    }

    @Test("landmarks and a TOC that are there already are dropped: converting twice changes nothing")
    func again() throws {
        let first = try write(gunzip(testdata("fixtures/a-layer.tar.gz")))
        let second = try write(gunzip(first.blob))
        #expect(second.layer == first.layer)
        let renamed = archive([
            ("./stargz.index.json", [1]), ("/.prefetch.landmark", [2]), ("a/../.no.prefetch.landmark", [3]), ("b/stargz.index.json", [4]),
        ])
        #expect(try write(renamed).toc.entries.map(\.name) == [TOC.noPrefetchLandmark, "b/stargz.index.json"])
    }

    @Test("an empty archive becomes a layer of a landmark and a TOC")
    func empty() throws {
        let written = try write(TarWriter.end)
        #expect(written.toc.entries.map(\.name) == [TOC.noPrefetchLandmark])
        #expect(written.layer.tocEntryCount == 1)
        #expect(written.layer.tocDigest == Digest.sha256(TOCSerializer.json(written.toc)))
    }

    @Test("an archive that ends right behind its last payload, as `umoci insert` makes them, becomes the layer of the whole one")
    func endsEarly() throws {
        let archive = TarWriter.header(name: "opt/hi", size: 3) + Array("hi\n".utf8)
        let padding = TarWriter.padding(afterSize: 3)
        let whole = try write(archive + padding + TarWriter.end)
        for count in [0, 100] { #expect(try write(archive + padding[..<count]).blob == whole.blob) }
    }

    @Test("prioritized files come first when the caller appends them first, then the landmark")
    func prioritized() throws {
        let pool = try MemberPool(jobs: 2)
        let output = MemoryOutput()
        let writer = try EStargzWriter(pool: pool, output: output)
        let reader = TarReader(MemoryTar(archive([("wanted", [1, 2]), ("other", [3])])))
        try writer.append(#require(try reader.next()), payload: reader)
        try writer.appendLandmark(prefetch: true)
        try writer.append(#require(try reader.next()), payload: reader)
        _ = try writer.finish()
        #expect(try toc(of: output.bytes).entries.map(\.name) == ["wanted", TOC.prefetchLandmark, "other"])
    }

    @Test("what stands before the landmark is compressed better, unless a level is asked for", arguments: [nil, 6])
    func front(level: Int?) throws {
        // Words of a small language, in no order.
        var state: UInt64 = 1
        func random(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }
        let words = (0..<400).map { _ in (0..<2 + random(8)).map { _ in UInt8(97 + random(8)) } + [32] }
        let text = (0..<12_000).flatMap { _ in words[random(words.count)] }
        let output = MemoryOutput()
        let writer = try EStargzWriter(pool: MemberPool(jobs: 2, level: level), output: output)
        let reader = TarReader(MemoryTar(archive([("wanted", text), ("other", text)])))
        try writer.append(#require(try reader.next()), payload: reader)
        try writer.appendLandmark(prefetch: true)
        try writer.append(#require(try reader.next()), payload: reader)
        let layer = try writer.finish()
        let offsets = try toc(of: output.bytes).entries.map(\.offset)
        let (front, rest) = (offsets[1] - offsets[0], layer.tocOffset - offsets[2])
        // Each is followed by some header bytes in its member.
        #expect((front + 200 < rest) == (level == nil), "\(front) and \(rest) bytes")
    }

    @Test("a long run of headers is cut into members, and nothing else changes")
    func headers() throws {
        let empties = (0..<9000).map { (name: "empty-\($0)", content: [UInt8]()) }
        let written = try write(archive(empties + [("last", [1])]))
        #expect(written.toc.entries.count == 9002)
        #expect(try gunzip(written.blob).count == Int(written.layer.uncompressedSize))
        let member = try #require(written.toc.entries.first)
        // The landmark's member holds at most the bound.
        let size = try prefixMemberSize(Array(written.blob[Int(member.offset)...]))
        #expect(size <= 512 + 1 << 20 + 512)
    }

    private func prefixMemberSize(_ bytes: [UInt8]) throws -> Int {
        let stream = try StreamDecompressor(.gzip)
        var buffer = [UInt8](repeating: 0, count: 4096)
        var (position, size) = (0, 0)
        repeat {
            let end = min(position + 1, bytes.count)
            let (consumed, produced) = try bytes[position..<end].withUnsafeBytes { input in
                try buffer.withUnsafeMutableBytes { try stream.decompress(input: input, output: $0) }
            }
            position += consumed
            size += produced
        } while !stream.isAtBoundary
        return size
    }

    @Test("names are written when they change for an id, as readers expect")
    func names() throws {
        let tar = try gunzip(testdata("fixtures/a-layer.tar.gz"))
        let entries = try write(tar).toc.entries
        #expect(entries.filter { $0.userName == "daemon" }.count == 1)
    }
}

@Suite("writing eStargz layers goes wrong")
struct EStargzWriterFailureTests {
    @Test("settings that do not exist are refused")
    func settings() throws {
        #expect(throws: EStargzWriterError.jobs(0)) { try MemberPool(jobs: 0) }
        #expect(throws: EStargzWriterError.jobs(257)) { try MemberPool(jobs: 257) }
        #expect(throws: EStargzWriterError.compression(.level(13, allowed: 1...12))) { try MemberPool(jobs: 1, level: 13) }
        let pool = try MemberPool(jobs: 1)
        for size in [0, -1, 4095, 64 << 20 + 1] {
            #expect(throws: EStargzWriterError.chunkSize(size)) {
                try EStargzWriter(options: EStargzWriter.Options(chunkSize: size), pool: pool, output: MemoryOutput())
            }
        }
    }

    @Test("a full disk stops the writer with the disk's own error, and the pool goes on", arguments: [0, 100, 300_000])
    func full(limit: Int) throws {
        let pool = try MemberPool(jobs: 2, level: 1, bytesInFlight: 1 << 20)
        let noise = (0..<3_000_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) }
        let tar = archive([("a", noise), ("b", noise)])
        let writer = try EStargzWriter(options: .init(chunkSize: 64 << 10), pool: pool, output: MemoryOutput(limit: limit))
        #expect(throws: MemoryOutput.Full.self) {
            try writer.appendArchive(TarReader(MemoryTar(tar)))
            _ = try writer.finish()
        }
        let after = try EStargzWriter(pool: pool, output: MemoryOutput())
        try after.appendArchive(TarReader(MemoryTar(tar)))
        #expect(try after.finish().tocEntryCount == 3)
    }

    @Test("an archive that ends early fails with the tar's error, and cancelling ends the threads")
    func truncated() throws {
        let pool = try MemberPool(jobs: 2)
        let tar = archive([("a", [UInt8](repeating: 7, count: 3_000_000))])
        let writer = try EStargzWriter(pool: pool, output: MemoryOutput())
        #expect(throws: TarError.truncated(entry: "a", offset: 1_000_000)) {
            try writer.appendArchive(TarReader(MemoryTar(Array(tar[..<1_000_000]))))
        }
        writer.cancel()
        #expect(throws: EStargzWriterError.cancelled) { try writer.finish() }
    }

    @Test("a writer that is forgotten ends its thread")
    func forgotten() throws {
        let pool = try MemberPool(jobs: 1)
        for _ in 0..<50 {
            let writer = try EStargzWriter(pool: pool, output: MemoryOutput())
            try writer.appendLandmark(prefetch: false)
        }
    }
}
