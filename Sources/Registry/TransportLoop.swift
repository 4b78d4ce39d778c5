internal import CCurl
internal import Glibc
internal import Synchronization
internal import Threads

/// The transport's thread and what it works on; kept alive by the thread until it has ended.
final class TransportLoop: TaskExecutor, @unchecked Sendable {
    // Safety: `active` is used by the thread only. `multi` is set under the lock of `inbox`, before the thread starts, and used by the thread and under
    // that lock; curl_multi_wakeup is made for other threads.
    /// Curl's, from the first request on.
    private var multi: UnsafeMutableRawPointer?
    private var active: [ObjectIdentifier: Transfer] = [:]
    private let inbox = Mutex(Inbox())
    private let runningThread = Mutex<pthread_t?>(nil)

    private struct Inbox {
        var starting: [Transfer] = []
        var resuming: [Transfer] = []
        var jobs: [UnownedJob] = []
        var thread: NativeThread?
        var isEnding = false
        var hasEnded = false
    }

    /// Connections kept to one host; more requests wait for one of them.
    private static let connectionsPerHost = 24
    /// Idle connections kept in all.
    private static let idleConnections = 32
    /// Milliseconds without news after which the thread looks again.
    private static let idleWait = 30_000

    deinit { if let multi { curl_multi_cleanup(multi) } }

    func start(_ transfer: Transfer) {
        let accepted = inbox.withLock { inbox in
            guard !inbox.isEnding, runThread(&inbox) else { return false }
            inbox.starting.append(transfer)
            return true
        }
        // Whoever asks through `exchange` is a task; no callback of `RemoteBlob.stream` gets here on its caller's stack.
        guard accepted else { return transfer.completion(.failure(.cancelled)) }
        wake()
    }

    func resume(_ transfer: Transfer) {
        inbox.withLock { if !$0.hasEnded { $0.resuming.append(transfer) } }
        wake()
    }

    func end(wait: Bool) {
        let thread = inbox.withLock { inbox in
            inbox.isEnding = true
            return inbox.thread.take()
        }
        wake()
        guard let thread else { return }
        if wait, !isOnThread { thread.join() } else { thread.detach() }
    }

    private var isOnThread: Bool { runningThread.withLock { $0.map { pthread_equal($0, pthread_self()) != 0 } ?? false } }

    // A task that outlives the thread still comes to its end. Without any thread left it does so here.
    private func runElsewhere(_ job: UnownedJob) {
        let run: @Sendable () -> Void = { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        do throws(ThreadError) {
            try NativeThread.start(name: "registry-end", run).detach()
        } catch {
            run()
        }
    }

    /// Runs a task's job on the thread; on one of its own after the thread's end.
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let accepted = inbox.withLock { inbox in
            guard !inbox.hasEnded, runThread(&inbox) else { return false }
            inbox.jobs.append(job)
            return true
        }
        guard accepted else { return runElsewhere(job) }
        wake()
    }

    private func wake() { inbox.withLock { _ in if let multi { curl_multi_wakeup(multi) } } }

    // Started with the first request: a client that is never used costs no thread and no library. The thread keeps the loop until it has ended.
    private func runThread(_ inbox: inout Inbox) -> Bool {
        if multi != nil { return true }
        guard !inbox.isEnding else { return false }
        let made = TransportLoop.makeMulti()
        multi = made
        do throws(ThreadError) {
            inbox.thread = try NativeThread.start(name: "registry") { self.run() }
        } catch {
            multi = nil
            curl_multi_cleanup(made)
            return false
        }
        return true
    }

    private static func makeMulti() -> UnsafeMutableRawPointer {
        starling_curl_load()
        curl_global_init(Int(CURL_GLOBAL_DEFAULT))
        guard let multi = curl_multi_init() else { fatalError("libcurl is out of memory") }
        _ = starling_curl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
        _ = starling_curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connectionsPerHost)
        _ = starling_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, idleConnections)
        return multi
    }

    // A peer that has gone must end a write on this thread, not the process: OpenSSL writes without MSG_NOSIGNAL.
    private func blockSIGPIPE() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    private func run() {
        blockSIGPIPE()
        runningThread.withLock { $0 = pthread_self() }
        while true {
            let work = inbox.withLock { inbox in
                let work = (starting: inbox.starting, resuming: inbox.resuming, jobs: inbox.jobs, isEnding: inbox.isEnding)
                (inbox.starting, inbox.resuming, inbox.jobs) = ([], [], [])
                return work
            }
            for job in work.jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
            work.starting.forEach(begin)
            work.resuming.forEach(goOn)
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            collect()
            if work.isEnding {
                for transfer in active.values { end(transfer, CURLE_ABORTED_BY_CALLBACK, isCancelled: true) }
                let isEmpty = inbox.withLock { inbox in
                    inbox.hasEnded = inbox.jobs.isEmpty && inbox.starting.isEmpty
                    return inbox.hasEnded
                }
                if isEmpty { return }
                continue
            }
            curl_multi_poll(multi, nil, 0, endSilent(), nil)
        }
    }

    private func begin(_ transfer: Transfer) {
        if let handle = transfer.begin(), curl_multi_add_handle(multi, handle) == CURLM_OK {
            active[ObjectIdentifier(transfer)] = transfer
        } else {
            transfer.finish(CURLE_FAILED_INIT)
        }
    }

    private func goOn(_ transfer: Transfer) {
        guard active[ObjectIdentifier(transfer)] != nil, let handle = transfer.handle else { return }
        if transfer.isCancelled.load(ordering: .acquiring) {
            end(transfer, CURLE_ABORTED_BY_CALLBACK)
        } else {
            transfer.resumed()
            curl_easy_pause(handle, CURLPAUSE_CONT)
        }
    }

    private func collect() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else { continue }
            let code = starling_curl_message_result(message)
            var context: UnsafeMutableRawPointer?
            _ = starling_curl_get_pointer(handle, CURLINFO_PRIVATE, &context)
            guard let context else { continue }
            end(Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue(), code)
        }
    }

    // Ends what has heard nothing for too long; returns the milliseconds until the next could be due.
    private func endSilent() -> Int32 {
        let now = ContinuousClock.now
        var wait = Duration.milliseconds(TransportLoop.idleWait)
        for transfer in Array(active.values) {
            guard let rest = transfer.silenceEnd(at: now).map({ now.duration(to: $0) }) else { continue }
            if rest <= .zero { end(transfer, CURLE_OPERATION_TIMEDOUT) } else { wait = min(wait, rest) }
        }
        return Int32(wait / .milliseconds(1)) + 1
    }

    // `active` is what keeps a transfer alive while curl points to it.
    private func end(_ transfer: Transfer, _ code: CURLcode, isCancelled: Bool = false) {
        if isCancelled { transfer.isCancelled.store(true, ordering: .releasing) }
        if let handle = transfer.handle { curl_multi_remove_handle(multi, handle) }
        active[ObjectIdentifier(transfer)] = nil
        transfer.finish(code)
    }
}
