import Testing

@testable import FetchEngine

@Suite("what scripts name")
struct ScriptTests {
    @Test(
        "the first line of a script names its program",
        arguments: [
            ("#!/bin/sh\necho", "/bin/sh", false), ("#! /usr/bin/python3 -E\n", "/usr/bin/python3", false),
            ("#!/usr/bin/env python3\n", "python3", true), ("#!/usr/bin/env -S A=1 node --x\n", "node", true),
            ("#!/bin/sh", "/bin/sh", false),
        ])
    func header(text: String, interpreter: String, isSearched: Bool) {
        let header = ScriptHeader(Array(text.utf8))
        #expect(header?.interpreter == interpreter && header?.isSearched == isSearched)
    }

    @Test("what has no such line names none", arguments: ["", "#!", "#!\n/bin/sh", "# !/bin/sh", "#!/usr/bin/env\n", "\u{7f}ELF"])
    func none(text: String) { #expect(ScriptHeader(Array(text.utf8)) == nil) }

    @Test("commands are the words that stand where commands do")
    func commands() {
        let script = """
            #!/bin/sh
            set -e
            # rm is only talked about
            if [ "$1" = "redis-server" ] && id -u > /dev/null; then
                find . ! -user redis -exec chown redis '{}' +
                NAME="$(hostname -s)" exec gosu redis "$0" "$@"
            fi
            um="$(umask)"; [ "$um" = '0022' ] || cat x | /usr/local/bin/docker-php-entrypoint
            exec "$@"
            """
        let names = ShellCommands.names(Array(script.utf8))
        for wanted in ["set", "id", "find", "hostname", "cat", "/usr/local/bin/docker-php-entrypoint"] {
            #expect(names.contains(wanted), "\(wanted)")
        }
        for other in ["rm", "redis-server", "chown", "$@", "fi\n"] { #expect(!names.contains(other), "\(other)") }
        #expect(Set(names).count == names.count)
    }

    @Test("a script made to be slow is not, and names no more than a few")
    func hostile() {
        let script = String(repeating: "$($(a;b|c`d ", count: 5000) + (0..<500).map { "c\($0)\n" }.joined()
        #expect(ShellCommands.names(Array(script.utf8)).count <= 64)
    }
}
