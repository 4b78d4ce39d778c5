import FetchEngine
import HostSystem
import Testing

@Suite("what programs need")
struct ELFNeedsTests {
    private func read(_ file: [UInt8], upTo limit: Int = .max) -> ELFNeeds.Outcome {
        ELFNeeds.read { range in
            guard range.upperBound <= UInt64(min(limit, file.count)) else { return nil }
            return Array(file[Int(range.lowerBound)..<Int(range.upperBound)])
        }
    }

    @Test(
        "the loader and the libraries of a program are those that ldd's basis, readelf, lists", arguments: ["/bin/ls", "/usr/bin/skopeo"])
    func listed(program: String) throws {
        let file = try Files.read(program, limit: 1 << 30)
        let listed = try Program.run("/usr/bin/readelf", ["-d", program]).outputText.matches(of: #/\(NEEDED\).*\[(.*)\]/#).map {
            String($0.1)
        }
        guard case .needs(let needs) = read(file) else {
            Issue.record("\(read(file))")
            return
        }
        #expect(needs.libraries == listed && !listed.isEmpty)
        #expect(needs.interpreter?.hasPrefix("/lib") == true)
    }

    @Test("what is not here yet is asked for, part by part, and a file of another kind needs nothing")
    func parts() throws {
        let file = try Files.read("/bin/ls", limit: 1 << 30)
        var limit = 0
        var rounds = 0
        while case .wants(let range) = read(file, upTo: limit) {
            #expect(range.upperBound > limit && range.upperBound <= file.count)
            limit = Int(range.upperBound)
            rounds += 1
        }
        #expect(rounds >= 2 && read(file, upTo: limit) == read(file))
        #expect(read(Array("#!/bin/sh\necho hello, this is a script of more than sixty-four bytes\n".utf8)) == .nothing)
    }

    @Test("any byte of the headers may be anything")
    func damaged() throws {
        let file = try Files.read("/bin/ls", limit: 1 << 30)
        for position in 0..<1024 {
            for value in [0x00, 0x7f, 0xff] as [UInt8] {
                var damaged = file
                damaged[position] = value
                // No trap, and nothing outside of the file is taken for something inside.
                if case .needs(let needs) = read(damaged) { #expect(needs.libraries.count <= 256) }
            }
        }
    }
}
