/// Names of modules that a Python file may import when it is loaded.
///
/// The interpreter finds modules one after the other, each a round trip to the registry; whoever reads the names can ask for all at once. A
/// guess and no more: names of other things are among them, and whoever looks for a module of a name finds none. Imports in functions are not
/// executed when the file is loaded and are left out. Pure.
public enum PythonImports {
    /// Names that are believed of one file.
    private static let mostNames = 2048
    /// Largest file that is read, in bytes.
    public static let largestFile: UInt64 = 1 << 20

    /// Names in a compiled file (`.pyc`), dotted ones as they are; nothing for what is not understood. Source: CPython's marshal format, version
    /// 4, and code objects of Python 3.8 and later.
    public static func names(compiled bytes: [UInt8]) -> [String] {
        guard bytes.count > PythonCode.headerSize, bytes[2] == 0x0d, bytes[3] == 0x0a else { return [] }
        var code = PythonCode(bytes, magic: Int(bytes[0]) | Int(bytes[1]) << 8)
        return Array((code.moduleNames() ?? []).lazy.filter { !$0.isEmpty }.prefix(mostNames))
    }

    /// Names in a source file, or in what follows `-c`: modules without leading dots, and what is imported from them.
    public static func names(source bytes: [UInt8]) -> [String] {
        var names: [String] = []
        /// Indentation of the function that lines belong to.
        var function: Int?
        /// Whether the names in parentheses go on.
        var isOpen = false
        for line in bytes.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: ";") }) {
            guard names.count < mostNames else { break }
            let indentation = line.prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.count
            let words = words(line)
            if isOpen {
                names += words.filter { $0 != "as" }
                isOpen = !line.contains(UInt8(ascii: ")"))
                continue
            }
            guard let first = words.first, first != "#" else { continue }
            if let start = function, indentation > start { continue }
            function = first == "def" || first == "async" ? indentation : nil
            guard first == "import" || first == "from" else { continue }
            names += words.dropFirst().filter { $0 != "import" && $0 != "as" }
            isOpen = line.contains(UInt8(ascii: "(")) && !line.contains(UInt8(ascii: ")"))
        }
        return names
    }

    // Identifiers with the dots between them; a comment ends the line, and is a word of its own where nothing is before it.
    private static func words(_ line: ArraySlice<UInt8>) -> [String] {
        let code = line.prefix { $0 != UInt8(ascii: "#") }
        return code.split(whereSeparator: { !isNameByte($0) }).map { word in
            String(decoding: word.drop { $0 == UInt8(ascii: ".") }, as: UTF8.self)
        }.filter { !$0.isEmpty }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "."), 0x80...:
            true
        default: false
        }
    }
}
