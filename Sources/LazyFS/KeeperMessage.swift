/// What a daemon says to the keeper of its mount's descriptor, and what it hears.
///
/// One packet each way, in ASCII. This is version 1 for good: a keeper outlives upgrades of the daemon, and a daemon that is older than the
/// keeper may come back. So words may be added, which an old keeper answers with `unknown`; none changes its meaning.
///
///     keep <name>   and a descriptor    hold it until told otherwise        done
///     give <name>                       a copy of what has that name        done, and a descriptor; or nothing
///     clear                             hold nothing any more               done
///     quit                              hold nothing any more, and end      done
enum KeeperMessage: Equatable {
    case keep(String)
    case give(String)
    case clear
    case quit

    /// Bytes of the longest packet.
    static let limit = 256

    init?(_ bytes: [UInt8]) {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        switch (words.first, words.count) {
        case ("keep", 2): self = .keep(String(words[1]))
        case ("give", 2): self = .give(String(words[1]))
        case ("clear", 1): self = .clear
        case ("quit", 1): self = .quit
        default: return nil
        }
    }

    var bytes: [UInt8] {
        switch self {
        case .keep(let name): Array("keep \(name)".utf8)
        case .give(let name): Array("give \(name)".utf8)
        case .clear: Array("clear".utf8)
        case .quit: Array("quit".utf8)
        }
    }

    /// What the keeper answers.
    enum Answer: String {
        case done
        case nothing
        case unknown

        var bytes: [UInt8] { Array(rawValue.utf8) }
    }
}
