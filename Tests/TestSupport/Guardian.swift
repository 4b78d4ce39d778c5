import CLinux
import Glibc
import HostSystem
import Synchronization

/// Ends the servers that tests started when the test process ends without doing so itself: a crash, a kill, a Ctrl-C, or the normal end,
/// at which what is shared by a suite is never released. Their directories go with them, and $STARLING_TEST_DIRECTORY, in which `make test`
/// has all others.
///
/// A small shell reads the ids of our children from a pipe; when the pipe ends, because we did, it ends them.
final class Guardian: Sendable {
    static let shared = Guardian()

    private let pipe: Int32
    private let shell: ChildProcess?

    private static let script = """
        discard=$0
        pids=
        while read -r verb what; do
            case $verb in
            add) pids="$pids $what" ;;
            directory) set -- "$@" "$what" ;;
            remove)
                rest=
                for p in $pids; do [ "$p" = "$what" ] || rest="$rest $p"; done
                pids=$rest
                ;;
            esac
        done
        if [ -n "$pids" ]; then
            kill -TERM $pids 2>/dev/null
            sleep 3
            kill -KILL $pids 2>/dev/null
        fi
        exec "$discard" "$@"
        """

    private init() {
        var ends: [Int32] = [-1, -1]
        guard starling_pipe(&ends) == 0 else { fatalError("no pipe for the guardian of test servers: \(HostError.text(errno))") }
        pipe = ends[1]
        // In a group of its own, so that it outlives the Ctrl-C that ends us.
        let options = ChildProcess.Options(input: .descriptor(ends[0]), output: .null, newProcessGroup: true)
        do {
            shell = try ChildProcess("/bin/sh", ["-c", Guardian.script, Places.package + "/bench/discard.sh"], options)
        } catch {
            fatalError("no guardian of test servers: \(error)")
        }
        close(ends[0])
        if let directory = Paths.environment("STARLING_TEST_DIRECTORY") { add(directory: directory) }
    }

    func add(_ process: Int32) { tell("add \(process)\n") }
    func add(directory path: String) { tell("directory \(path)\n") }
    func remove(_ process: Int32) { tell("remove \(process)\n") }

    private func tell(_ line: String) {
        // One write of less than a page is never torn.
        _ = write(pipe, line, line.utf8.count)
    }
}
