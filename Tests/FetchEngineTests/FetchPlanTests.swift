import Testing
import TreeImage

@testable import FetchEngine

@Suite("what a miss brings along")
struct FetchPlanTests {
    private let kib: UInt64 = 1 << 10

    @Test("a small file's miss brings its neighbours up to the windows after and before it, no further")
    func neighbours() throws {
        let test = try TestMap(members: Array(repeating: 32 * kib, count: 40))
        var plan = FetchPlan()
        #expect(plan.extent(ofMissAt: 10, in: test.map) { _ in true } == 8...17)
        #expect(FetchPlan.first(before: 1, upTo: 1 << 20, in: test.map) { _ in true } == 0)
        #expect(FetchPlan.first(before: 10, upTo: 1 << 20, in: test.map) { $0 > 6 } == 7)
    }

    @Test("a sequential reader's miss brings what it went past, too")
    func gap() throws {
        let test = try TestMap(members: Array(repeating: 16 * kib, count: 80))
        var plan = FetchPlan()
        #expect(plan.extent(ofMissAt: 0, in: test.map) { _ in true } == 0...15)
        #expect(plan.extent(ofMissAt: 18, in: test.map) { $0 > 15 } == 16...49)
    }

    @Test("a member larger than the window is fetched whole and alone")
    func largeMember() throws {
        let test = try TestMap(members: [4096 * kib, 64 * kib, 64 * kib])
        var plan = FetchPlan()
        #expect(plan.extent(ofMissAt: 0, in: test.map) { _ in true } == 0...0)
    }

    @Test("misses that go on where the last one ended double the window, a miss elsewhere starts anew")
    func sequential() throws {
        let test = try TestMap(members: Array(repeating: 256 * kib, count: 200))
        var plan = FetchPlan()
        var next = 0
        var sizes: [Int] = []
        for _ in 0..<8 {
            let extent = plan.extent(ofMissAt: next, in: test.map) { _ in true }
            sizes.append(extent.count)
            next = extent.upperBound + 1
        }
        #expect(sizes == [1, 2, 4, 8, 16, 32, 32, 32])
        #expect(plan.extent(ofMissAt: 3, in: test.map) { _ in true } == 3...3)
        #expect(plan.extent(ofMissAt: 4, in: test.map) { _ in true } == 4...5)
    }

    @Test("expected chunks become runs of whole members, joined across small gaps of what is not here")
    func runs() throws {
        let test = try TestMap(members: Array(repeating: 16 * kib, count: 80))
        #expect(FetchPlan.runs(of: [7, 3, 4], in: test.map) { _ in true } == [3...7])
        #expect(FetchPlan.runs(of: [3, 4, 8], in: test.map) { _ in true } == [3...4, 8...8])
        #expect(FetchPlan.runs(of: [3, 5], in: test.map) { $0 != 4 } == [3...3, 5...5])
        #expect(FetchPlan.runs(of: [3, 5], in: test.map) { $0 != 5 } == [3...3])
        #expect(FetchPlan.runs(of: 0..<80, in: test.map) { _ in true }.map(\.count) == [32, 32, 16])
        let shared = try TestMap(members: [200 * kib, 200 * kib], chunksPerMember: 5)
        #expect(FetchPlan.runs(of: [2, 3], in: shared.map) { _ in true } == [0...4])
    }

    @Test("what is here or on its way ends the extent")
    func present() throws {
        let test = try TestMap(members: Array(repeating: 16 * kib, count: 20))
        var plan = FetchPlan()
        #expect(plan.extent(ofMissAt: 2, in: test.map) { $0 != 5 && $0 != 0 } == 1...4)
    }

    @Test("a miss in the middle of a shared member takes the whole member")
    func sharedMember() throws {
        let test = try TestMap(members: [200 * kib, 200 * kib], chunksPerMember: 5)
        var plan = FetchPlan()
        #expect(plan.extent(ofMissAt: 7, in: test.map) { _ in true } == 5...9)
        #expect(FetchPlan.first(before: 5, upTo: 300 * kib, in: test.map) { _ in true } == 0)
        #expect(FetchPlan.lastOfMember(1, in: test.map) == 4)
    }
}

@Suite("cutting a range into members")
struct RangeAssemblerTests {
    @Test("members come out whole, once and in order, however the bytes are cut", arguments: [1, 3, 99, 100, 101, 10_000])
    func pieces(size: Int) throws {
        let test = try TestMap(members: [100, 50, 200, 1, 149], chunksPerMember: 2)
        let bytes = (0..<500).map { UInt8(truncatingIfNeeded: $0) }
        var assembler = RangeAssembler(map: test.map, extent: 2...9)
        // The range begins with the second member: blob offset 1100.
        var members: [RangeAssembler.Member] = []
        for start in stride(from: 100, to: 500, by: size) {
            bytes[start..<min(500, start + size)].withUnsafeBytes { piece in assembler.receive(piece) { members.append($0) } }
        }
        #expect(members.map(\.chunks) == [2...3, 4...5, 6...7, 8...9])
        #expect(members.map(\.bytes.count) == [50, 200, 1, 149])
        #expect(members.flatMap(\.bytes) == Array(bytes[100...]))
        #expect(assembler.firstMissing == nil)
    }

    @Test("an answer that ends early leaves the members after it missing")
    func truncated() throws {
        let test = try TestMap(members: [100, 100, 100])
        var assembler = RangeAssembler(map: test.map, extent: 0...2)
        var count = 0
        [UInt8](repeating: 1, count: 250).withUnsafeBytes { bytes in assembler.receive(bytes) { _ in count += 1 } }
        #expect(count == 2 && assembler.firstMissing == 2)
    }
}
