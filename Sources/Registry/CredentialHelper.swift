internal import Glibc

/// Runs a docker credential helper: the registry's key on its standard input, JSON on its standard output.
enum CredentialHelper {
    /// Milliseconds until a helper must have answered; some ask a desktop's key ring.
    private static let deadline: Int32 = 15_000
    private static let largestAnswer = 1 << 20

    /// The helper's answer; nil when it knows nothing of the key.
    ///
    /// - Throws: `RegistryError.credentials` when the helper is not installed or does not answer.
    static func get(_ program: String, _ key: String) throws(RegistryError) -> [UInt8]? {
        var (input, output): ([Int32], [Int32]) = ([0, 0], [0, 0])
        guard makePipe(&input) else { throw .credentials("no descriptors left for \(program)") }
        guard makePipe(&output) else {
            input.forEach { close($0) }
            throw .credentials("no descriptors left for \(program)")
        }
        defer { close(output[0]) }
        let spawned = spawn(program, input[0], output[1])
        close(input[0])
        close(output[1])
        guard let child = spawned else {
            close(input[1])
            throw .credentials("the helper \(program) of the docker configuration is not installed")
        }
        blockSIGPIPE()
        _ = key.utf8CString.withUnsafeBytes { write(input[1], $0.baseAddress, $0.count - 1) }
        close(input[1])
        let answer = read(output[0])
        if answer == nil { kill(child, SIGKILL) }
        let status = wait(child)
        guard let answer else { throw .credentials("the helper \(program) did not answer within \(deadline / 1000) seconds") }
        return status == 0 ? answer : nil
    }

    // Who runs helpers is a thread made for it: a helper that does not read must not end the process.
    private static func blockSIGPIPE() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    // A helper that has answered but stays gets a second, then it is ended.
    private static func wait(_ child: pid_t) -> Int32 {
        var status: Int32 = 0
        for _ in 0..<100 {
            let ended = waitpid(child, &status, WNOHANG)
            if ended == child { return status }
            if ended < 0, errno != EINTR { return -1 }
            usleep(10_000)
        }
        kill(child, SIGKILL)
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status
    }

    // Closed on exec, or the helper would hold the writing end of its own input open and never see the end.
    private static func makePipe(_ ends: inout [Int32]) -> Bool {
        guard pipe(&ends) == 0 else { return false }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return true
    }

    private static func spawn(_ program: String, _ input: Int32, _ output: Int32) -> pid_t? {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup(program), strdup("get"), nil]
        defer { arguments.forEach { free($0) } }
        var child = pid_t()
        return posix_spawnp(&child, program, &actions, nil, &arguments, environ) == 0 ? child : nil
    }

    private static func read(_ descriptor: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count < largestAnswer {
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = Glibc.poll(&poll, 1, deadline)
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { return nil }
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count <= 0 { return bytes }
            bytes += buffer[..<count]
        }
        return nil
    }
}
