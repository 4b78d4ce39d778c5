import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("temporary files")
struct TemporaryFileTests {
    enum Place: CaseIterable { case ordinary, withoutNamelessFiles }

    /// Runs with a directory of a file system where files need no name, or where they do.
    private func with(_ place: Place, _ body: (String) throws -> Void) throws {
        switch place {
        case .ordinary:
            let directory = try TemporaryDirectory()
            try withExtendedLifetime(directory) { try body(directory.path) }
        case .withoutNamelessFiles:
            let mount = try BindFileSystem()
            try withExtendedLifetime(mount) { try body(mount.path) }
        }
    }

    private func make(in directory: String, _ text: String, _ purpose: TemporaryFile.Purpose) throws -> TemporaryFile {
        let file = try TemporaryFile(in: directory, for: purpose)
        try Array(text.utf8).withUnsafeBytes { try file.append($0) }
        return file
    }

    private func text(_ path: String) throws -> String { String(decoding: try Files.read(path, limit: 100), as: UTF8.self) }

    private static let publication = TemporaryFile.Purpose.publication(mode: 0o644)

    @Test("what is appended reads back, and is gone with the owner", arguments: Place.allCases)
    func content(place: Place) throws {
        try with(place) { directory in
            for purpose in [.scratch, TemporaryFileTests.publication] {
                var file: TemporaryFile? = try make(in: directory, "some bytes", purpose)
                var bytes = [UInt8](repeating: 0, count: 100)
                let count = try bytes.withUnsafeMutableBytes { try file?.content.read(into: $0, at: 5) }
                #expect(count == 5 && bytes.prefix(5).elementsEqual("bytes".utf8))
                #expect(try file?.content.size() == 10)
                // A file that is to be published has a name while it waits, but only where it must.
                let names = try Files.entries(directory).filter { !$0.hasPrefix(".fuse_hidden") }
                if case .publication = purpose, place == .withoutNamelessFiles {
                    #expect(names.count == 1 && names[0].hasPrefix(".starling-"))
                } else {
                    #expect(names.isEmpty)
                }
                file = nil
                #expect(try Files.entries(directory).isEmpty)
            }
        }
    }

    @Test("a published file has its name alone, its bytes, and the mode that the umask leaves", arguments: Place.allCases)
    func publication(place: Place) throws {
        try with(place) { directory in
            let path = directory + "/file"
            for text in ["first", "second, which replaces the first"] {
                try make(in: directory, text, TemporaryFileTests.publication).publish(as: path)
                #expect(try self.text(path) == text)
                #expect(try Files.entries(directory) == ["file"])
            }
            var facts = stat()
            let mask = umask(0)
            umask(mask)
            #expect(stat(path, &facts) == 0 && facts.st_mode & 0o777 == 0o644 & ~mask)
        }
    }

    @Test("a name that cannot be had is an error that says so, and nothing is left", arguments: Place.allCases)
    func failure(place: Place) throws {
        try with(place) { directory in
            try Files.makeDirectories(directory + "/taken/inside")
            for name in ["taken", "missing/file"] {
                let error = #expect(throws: HostError.self) {
                    try make(in: directory, "x", TemporaryFileTests.publication).publish(as: directory + "/" + name)
                }
                #expect(error?.description.hasPrefix("cannot create \(directory)/\(name): ") == true, "\(String(describing: error))")
            }
            #expect(try Files.entries(directory) == ["taken"])
        }
        let error = #expect(throws: HostError.self) { try TemporaryFile(in: "/nowhere") }
        #expect(error?.description == "cannot make a temporary file in /nowhere: No such file or directory")
    }

    @Test("files of processes that were killed are removed, those of living ones and of others stay", arguments: Place.allCases)
    func reaping(place: Place) throws {
        try with(place) { directory in
            let waiting = try make(in: directory, "waits", TemporaryFileTests.publication)
            try AtomicFile.write([1], to: directory + "/.starling-0123456789abcdef")
            try AtomicFile.write([1], to: directory + "/.starlings")
            TemporaryFile.reap(in: directory)
            try waiting.publish(as: directory + "/done")
            #expect(try Files.entries(directory) == [".starlings", "done"])
            #expect(try text(directory + "/done") == "waits")
        }
    }

    @Test("what is released takes no space, and is an error to read and not zeros; a budget counts what is on the disk")
    func release() throws {
        let directory = try TemporaryDirectory(in: "/var/tmp")
        let (page, budget) = (TemporaryFile.pageSize, DiskBudget(limit: nil))
        do {
            let file = try TemporaryFile(in: directory.path, budget: budget)
            try file.append([UInt8](repeating: 7, count: 64 * Int(page)))
            #expect(budget.held == 64 * page && budget.peakAllocated >= 64 * page && budget.peakAllocated <= 66 * page)
            let peak = budget.peakAllocated
            // Whole pages only.
            #expect(file.release(upTo: 32 * page + 100))
            #expect(budget.held == 32 * page && file.held == 32 * page && file.size == 64 * page)
            var bytes: [UInt8] = [0, 0]
            #expect(throws: HostError.self) { try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 32 * page - 1) } }
            #expect(try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 32 * page) } == 2 && bytes == [7, 7])
            #expect(file.release(upTo: 10) && file.held == 32 * page)
            try file.append([UInt8](repeating: 8, count: 16 * Int(page)))
            #expect(budget.peakAllocated == peak, "the space was given back")
            #expect(file.release(upTo: .max) && file.held == 0)
        }
        #expect(budget.held == 0)
    }

    @Test("bytes go where they are told, and what is behind an offset can be let go")
    func places() throws {
        let file = try TemporaryFile(in: "/var/tmp")
        try file.write([1, 2, 3], at: 4)
        try file.write([9], at: 0)
        try file.append([4])
        #expect(file.size == 8)
        try file.truncate(to: 6)
        var bytes = [UInt8](repeating: 5, count: 10)
        #expect(try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) } == 6)
        #expect(bytes.prefix(6) == [9, 0, 0, 0, 1, 2])
    }
}
