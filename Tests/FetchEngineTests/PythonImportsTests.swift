import FetchEngine
import HostSystem
import Testing

@Suite("what Python files import")
struct PythonImportsTests {
    private static let source = """
        \"\"\"A module.\"\"\"
        import os, sys as system; import a.b.c
        from . import sibling, other as name
        from ..above import thing
        from package.part import (
            one,
            two as zwei,  # a comment
        )
        if True:
            from conditional import x
        try:
            import optional
        except ImportError:
            optional = None
        def later():
            import hidden
            from hidden2 import hidden3
        class Kind:
            def method(self):
                import hidden4
        async def more():
            import hidden5
        CONSTANT = (1, -2, 3.5, 4j, 10**30, b"bytes", "text", None, True, ..., (("a",),), frozenset({1, 2}))
        import last
        """
    private static let wanted = [
        "os", "sys", "a.b.c", "sibling", "other", "above", "thing", "package.part", "one", "two", "conditional", "x", "optional", "last",
    ]

    private func compiled(_ source: String) throws -> [UInt8] {
        let directory = try TemporaryDirectory()
        try AtomicFile.write(Array(source.utf8), to: directory.path + "/m.py")
        _ = try Program.run(
            "/usr/bin/python3", ["-c", "import py_compile as c; c.compile('\(directory.path)/m.py', cfile='\(directory.path)/m.pyc')"])
        return try Files.read(directory.path + "/m.pyc", limit: 1 << 20)
    }

    @Test("the names in source text, but for those in functions")
    func text() {
        let names = PythonImports.names(source: Array(PythonImportsTests.source.utf8))
        #expect(Set(PythonImportsTests.wanted).isSubset(of: names))
        #expect(!names.contains { $0.hasPrefix("hidden") })
    }

    @Test("the names in what Python has compiled, but for those in functions")
    func code() throws {
        let names = PythonImports.names(compiled: try compiled(PythonImportsTests.source))
        #expect(Set(PythonImportsTests.wanted).isSubset(of: names))
        #expect(!names.contains { $0.hasPrefix("hidden") })
    }

    @Test("all of the standard library is understood as its disassembler does")
    func library() throws {
        // What Python itself says of its compiled files.
        let script = """
            import dis, marshal, pathlib
            for path in sorted(pathlib.Path('/usr/lib/python3.11').rglob('*.pyc'))[:400]:
                code = marshal.loads(path.read_bytes()[16:])
                names = [i.argval for i in dis.get_instructions(code) if i.opname in ('IMPORT_NAME', 'IMPORT_FROM') and i.argval]
                if all(name.isascii() for name in names): print(path, *names)
            """
        let lines = try Program.run("/usr/bin/python3", ["-c", script]).outputText.split(separator: "\n")
        #expect(lines.count > 50)
        for line in lines {
            let words = line.split(separator: " ").map(String.init)
            #expect(
                PythonImports.names(compiled: try Files.read(words[0], limit: 1 << 24)) == Array(words.dropFirst().prefix(2048)),
                "\(words[0])")
        }
    }

    @Test("any byte may be anything, and any end the end")
    func damaged() throws {
        let file = try compiled(PythonImportsTests.source)
        #expect(PythonImports.names(compiled: []).isEmpty && PythonImports.names(compiled: Array(file.prefix(16))).isEmpty)
        for position in file.indices {
            #expect(PythonImports.names(compiled: Array(file[..<position])).count <= 2048)
            for value in [0x00, 0x28, 0x7f, 0xff] as [UInt8] {
                var damaged = file
                damaged[position] = value
                #expect(PythonImports.names(compiled: damaged).count <= 2048)
            }
        }
    }
}
