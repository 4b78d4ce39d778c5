import TestSupport
import Testing

@testable import TreeImage

@Suite("checksums of trees")
struct TreeChecksumTests {
    private func sum(_ bytes: [UInt8]) -> TreeChecksum { bytes.withUnsafeBytes { TreeChecksum(of: $0) } }

    @Test("any bit that is changed, and any length, gives another sum", arguments: [0, 1, 31, 32, 33, 100])
    func differs(size: Int) {
        let bytes = (0..<size).map { UInt8($0) }
        var seen = Set([sum(bytes).text, sum(bytes + [0]).text])
        for position in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[position] ^= 1 << UInt8(bit)
                seen.insert(sum(flipped).text)
            }
        }
        #expect(seen.count == 2 + 8 * size)
    }

    @Test("two words that change places, and two highest bits, are seen")
    func pairs() {
        let zeros = [UInt8](repeating: 0, count: 128)
        for (first, second) in [(7, 39), (7, 15), (7, 103)] {
            var changed = zeros
            changed[first] = 0x80
            let one = sum(changed)
            changed[second] = 0x80
            #expect(sum(changed) != sum(zeros) && sum(changed) != one)
        }
        #expect(
            sum(Array(0..<64)) != sum(Array(32..<64) + Array(0..<32))
                && sum(Array(0..<64)) != sum(Array(8..<16) + Array(0..<8) + Array(16..<64)))
    }

    @Test("it is written as text, and read again")
    func text() {
        let sum = sum([1, 2, 3])
        #expect(
            TreeChecksum(sum.text) == sum && TreeChecksum("") == nil && TreeChecksum("x1") == nil
                && TreeChecksum("1" + sum.text + "0") == nil)
    }
}
