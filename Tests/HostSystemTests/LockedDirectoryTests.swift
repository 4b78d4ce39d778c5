import Glibc
import HostSystem
import Synchronization
import Testing
import Threads

@Suite("directories that belong to a living process")
struct LockedDirectoryTests {
    private func reap(_ parent: String) throws -> [String] {
        var reaped: [String] = []
        try LockedDirectory.reap(in: parent) { name throws(HostError) in
            reaped.append(name)
            try Files.remove(parent + "/" + name)
        }
        return reaped
    }

    @Test("one that is held stays, one that was let go of is reaped, and one without a lock only when it is old")
    func reaping() throws {
        let parent = try TemporaryDirectory()
        let held = try LockedDirectory("held", in: parent.path)
        do { _ = try LockedDirectory("left", in: parent.path) }
        try Files.makeDirectories(parent.path + "/young")
        try Files.makeDirectories(parent.path + "/old")
        try Files.makeDirectories(parent.path + "/.making-old")
        var long = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 1000, tv_nsec: 0)]
        for name in ["/old", "/.making-old"] { #expect(utimensat(AT_FDCWD, parent.path + name, &long, 0) == 0) }
        #expect(try reap(parent.path) == ["left", "old"])
        #expect(try Files.entries(parent.path) == ["held", "young"])
        withExtendedLifetime(held) {}
    }

    @Test("a directory is never reaped while it is being made or held, however many make and reap at once")
    func race() throws {
        let parent = try TemporaryDirectory()
        let lost = Atomic<Int>(0)
        let failed = Atomic<Int>(0)
        let isDone = Atomic<Bool>(false)
        let reaper = try NativeThread.start(name: "reaper") {
            while !isDone.load(ordering: .relaxed) {
                do { _ = try reap(parent.path) } catch { failed.add(1, ordering: .relaxed) }
            }
        }
        let makers = try (0..<3).map { maker in
            try NativeThread.start(name: "maker") {
                for number in 0..<200 {
                    do {
                        let directory = try LockedDirectory("\(maker)-\(number)", in: parent.path)
                        if !Files.exists(directory.path + "/lock") { lost.add(1, ordering: .relaxed) }
                        withExtendedLifetime(directory) {}
                    } catch {
                        failed.add(1, ordering: .relaxed)
                    }
                }
            }
        }
        makers.forEach { $0.join() }
        isDone.store(true, ordering: .relaxed)
        reaper.join()
        #expect(lost.load(ordering: .relaxed) == 0 && failed.load(ordering: .relaxed) == 0)
    }
}
