internal import Glibc

/// A process that goes on when the command that started it has ended: the command ends when the process is ready, and with its exit status when
/// it never is.
public enum Background {
    private static let word: UInt8 = UInt8(ascii: "!")

    /// Starts a program in a session of its own and waits until it says that it is ready, or ends.
    ///
    /// Its messages are ours until then, and a Ctrl-C at our terminal is for both. When this process is killed meanwhile, the program finds nobody
    /// to tell, and ends.
    ///
    /// - Returns: 0 when it is ready; else its exit status, and it has said why.
    public static func start(_ program: String, _ arguments: [String]) throws(HostError) -> Int32 {
        let (reader, writer) = try Pipe.make("(background)")
        defer { close(reader) }
        let child: ChildProcess
        do throws(HostError) {
            child = try ChildProcess(program, arguments, .init(input: .null, output: .descriptor(writer)))
        } catch {
            close(writer)
            throw error
        }
        close(writer)
        var byte: UInt8 = 0
        while true {
            let count = read(reader, &byte, 1)
            if count == 1, byte == word {
                child.release()
                return 0
            }
            if count < 0, errno == EINTR { continue }
            let status = try child.wait()
            // One that ended well and was never ready has not done what it was for.
            return status == 0 ? 1 : status
        }
    }

    /// Tells who waits in `start` that this process is ready, and lets go of its terminal and its streams.
    ///
    /// - Throws: when nobody waits any more.
    public static func ready() throws(HostError) {
        guard setsid() >= 0 else { throw .last("leave", "(the session)") }
        var byte = word
        guard write(1, &byte, 1) == 1 else { throw .last("tell of being ready", "(whoever waits)") }
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { throw .last("open", "/dev/null") }
        defer { close(null) }
        for stream: Int32 in 0...2 { dup2(null, stream) }
        // The directory we were started in may have to be unmounted one day.
        _ = chdir("/")
    }
}
