import Testing

@testable import Conversion

@Suite("wanted entries in memory")
struct EntryStashTests {
    private func runs(_ memory: [Int64], limit: Int64) -> [[Int]] {
        let wanted = memory.enumerated().map { WantedEntry(number: $0.offset, memory: $0.element) }
        return EntryStash.runs(of: wanted, limit: limit).map { $0.map(\.number) }
    }

    @Test("are as many as fit, in their order; a larger one is alone")
    func fit() {
        #expect(runs([], limit: 10) == [])
        #expect(runs([4, 6, 1, 9, 1], limit: 10) == [[0, 1], [2, 3], [4]])
        #expect(runs([11, 1, 99, 99, 2], limit: 10) == [[0], [1], [2], [3], [4]])
        #expect(runs([.max, .max, 3], limit: 10) == [[0], [1], [2]])
    }
}
