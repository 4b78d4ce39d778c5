/// Reads the code object of a compiled Python file as far as its names; nil from any of its functions means that it is not understood.
struct PythonCode {
    /// Magic number, flags, and eight bytes about the source (PEP 552).
    static let headerSize = 16

    private let bytes: [UInt8]
    private let layout: Layout
    /// Whether the numbers of instructions are known: 3.8 to 3.12.
    private let isKnown: Bool
    private var position = headerSize
    /// Values that later ones refer to, in the order of their beginnings.
    private var references: [Value] = []

    /// What is kept of a value.
    private enum Value {
        case text(String)
        case texts([String])
        case bytes(Range<Int>)
        case other
    }

    private enum Layout {
        /// Python 3.8 to 3.10.
        case separateVariables
        /// Python 3.11 and later.
        case joinedVariables
    }

    /// First magic numbers of 3.8 and of 3.11.
    private static let oldest = 3400
    private static let joined = 3450
    /// First magic number of 3.13, which counts its instructions anew.
    private static let renumbered = 3550
    private enum Instruction {
        static let importName: UInt8 = 108
        static let importFrom: UInt8 = 109
        static let extendedArgument: UInt8 = 144
    }
    /// How deep values may be nested: code in code, tuples in tuples.
    private static let deepest = 64

    init(_ bytes: [UInt8], magic: Int) {
        self.bytes = bytes
        isKnown = magic < PythonCode.renumbered
        layout = magic < PythonCode.joined ? .separateVariables : .joinedVariables
        if magic < PythonCode.oldest { position = bytes.count }
    }

    /// The names that the module's own code imports, modules and what is taken from them, in their order. Of versions whose instructions are not
    /// known, all names that it uses.
    mutating func moduleNames() -> [String]? {
        guard let kind = byte(), kind & 0x7f == UInt8(ascii: "c") else { return nil }
        if kind & 0x80 != 0 { references.append(.other) }
        guard skip(4 * integers), let code = value(0), value(0) != nil, case .texts(let names)? = value(0) else { return nil }
        guard isKnown, case .bytes(let range) = code else { return names }
        return imported(range, names)
    }

    // Two bytes an instruction; what instructions remember is zeros in a file.
    private func imported(_ code: Range<Int>, _ names: [String]) -> [String] {
        var found: [String] = []
        var prefix = 0
        for position in stride(from: code.lowerBound, to: code.upperBound - 1, by: 2) {
            let argument = prefix << 8 | Int(bytes[position + 1])
            prefix = bytes[position] == Instruction.extendedArgument ? argument & 0xff_ffff : 0
            let isImport = bytes[position] == Instruction.importName || bytes[position] == Instruction.importFrom
            if isImport, argument < names.count { found.append(names[argument]) }
        }
        return found
    }

    /// Numbers at the beginning of a code object.
    private var integers: Int { layout == .joinedVariables ? 5 : 6 }

    private mutating func byte() -> UInt8? {
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    private mutating func skip(_ count: Int) -> Bool {
        guard count >= 0, count <= bytes.count - position else { return false }
        position += count
        return true
    }

    private mutating func number() -> Int? {
        guard skip(4) else { return nil }
        return bytes[(position - 4)..<position].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    private mutating func text(_ count: Int?) -> Value? {
        guard let count, skip(count) else { return nil }
        return .text(String(decoding: bytes[(position - count)..<position], as: UTF8.self))
    }

    private mutating func value(_ depth: Int) -> Value? {
        guard depth < PythonCode.deepest, let kind = byte() else { return nil }
        // Its place is taken before what it holds takes places.
        let reference = kind & 0x80 != 0 ? references.count : nil
        if reference != nil { references.append(.other) }
        guard let value = content(kind & 0x7f, depth) else { return nil }
        if let reference { references[reference] = value }
        return value
    }

    private mutating func content(_ kind: UInt8, _ depth: Int) -> Value? {
        switch kind {
        case UInt8(ascii: "N"), UInt8(ascii: "T"), UInt8(ascii: "F"), UInt8(ascii: "."), UInt8(ascii: "S"): return .other
        case UInt8(ascii: "i"): return skip(4) ? .other : nil
        case UInt8(ascii: "I"), UInt8(ascii: "g"): return skip(8) ? .other : nil
        case UInt8(ascii: "y"): return skip(16) ? .other : nil
        case UInt8(ascii: "l"):
            guard let digits = number() else { return nil }
            return skip(2 * abs(Int(Int32(truncatingIfNeeded: digits)))) ? .other : nil
        case UInt8(ascii: "s"):
            guard let count = number(), skip(count) else { return nil }
            return .bytes(position - count..<position)
        case UInt8(ascii: "u"), UInt8(ascii: "t"), UInt8(ascii: "a"), UInt8(ascii: "A"): return text(number())
        case UInt8(ascii: "z"), UInt8(ascii: "Z"): return text(byte().map(Int.init))
        case UInt8(ascii: "r"):
            guard let index = number(), index < references.count else { return nil }
            return references[index]
        case UInt8(ascii: ")"): return sequence(byte().map(Int.init), depth)
        case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "<"), UInt8(ascii: ">"): return sequence(number(), depth)
        case UInt8(ascii: "c"): return code(depth) ? .other : nil
        default: return nil
        }
    }

    private mutating func sequence(_ count: Int?, _ depth: Int) -> Value? {
        // Each takes a byte at least.
        guard let count, count <= bytes.count - position else { return nil }
        var texts: [String] = []
        for _ in 0..<count {
            guard let value = value(depth + 1) else { return nil }
            if case .text(let text) = value { texts.append(text) }
        }
        return .texts(texts)
    }

    /// Code in code: a function's or class's.
    private mutating func code(_ depth: Int) -> Bool {
        // Before the first line's number: code, constants, names, variables and what they are, file, names; behind it, tables.
        let (before, after) = layout == .joinedVariables ? (8, 2) : (8, 1)
        guard skip(4 * integers) else { return false }
        for _ in 0..<before where value(depth + 1) == nil { return false }
        guard skip(4) else { return false }
        for _ in 0..<after where value(depth + 1) == nil { return false }
        return true
    }
}
