/// What goes between a container in the background and who is attached to it, a packet each; the first byte says what it is.
enum AttachMessage: Equatable {
    /// To the container's standard input.
    case input([UInt8])
    /// Nothing more comes for standard input.
    case inputEnd
    /// The size of the terminal that shows it.
    case size(rows: UInt16, columns: UInt16)
    /// What it has written.
    case output(ContainerOutput, [UInt8])

    /// Most bytes of a packet.
    static let limit = 32 << 10

    /// Reads a packet; nil for what is none of ours.
    init?(_ packet: [UInt8]) {
        let rest = packet.dropFirst()
        switch packet.first {
        case UInt8(ascii: "i"): self = .input(Array(rest))
        case UInt8(ascii: "z"): self = .inputEnd
        case UInt8(ascii: "o"): self = .output(.stdout, Array(rest))
        case UInt8(ascii: "e"): self = .output(.stderr, Array(rest))
        case UInt8(ascii: "s") where rest.count == 4:
            let numbers = rest.map(UInt16.init)
            self = .size(rows: numbers[0] << 8 | numbers[1], columns: numbers[2] << 8 | numbers[3])
        default: return nil
        }
    }

    var packet: [UInt8] {
        switch self {
        case .input(let bytes): [UInt8(ascii: "i")] + bytes
        case .inputEnd: [UInt8(ascii: "z")]
        case .output(.stdout, let bytes): [UInt8(ascii: "o")] + bytes
        case .output(.stderr, let bytes): [UInt8(ascii: "e")] + bytes
        case .size(let rows, let columns):
            [UInt8(ascii: "s"), UInt8(rows >> 8), UInt8(rows & 0xff), UInt8(columns >> 8), UInt8(columns & 0xff)]
        }
    }
}
