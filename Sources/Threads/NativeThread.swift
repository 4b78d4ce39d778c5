internal import CLinux
internal import Glibc

/// A plain POSIX thread, for work that blocks or computes for long and so has no business on Swift's cooperative pool.
public struct NativeThread: Sendable {
    private let handle: pthread_t

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts a thread of that name (at most 15 bytes are shown) that runs `body` once. It must be joined or detached.
    ///
    /// - Throws: `ThreadError` when the system has none left.
    public static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(ThreadError) -> NativeThread {
        let context = Unmanaged.passRetained(Start(name: name, body: body))
        var handle = pthread_t()
        let code = pthread_create(
            &handle, nil,
            { context in
                guard let context else { return nil }
                let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                starling_name_thread(String(start.name.prefix(15)))
                starling_allow_interrupts()
                start.body()
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            context.release()
            throw ThreadError(code: code)
        }
        return NativeThread(handle: handle)
    }

    /// Waits for the thread's end. Once per thread, and not for a detached one.
    public func join() { pthread_join(handle, nil) }

    /// Makes a system call in which the thread waits fail with EINTR. One that comes just before the call is lost: repeat until the thread
    /// has noticed.
    public func interrupt() { _ = starling_interrupt_thread(handle) }

    /// Lets the thread end by itself.
    public func detach() { pthread_detach(handle) }
}

/// No thread could be started.
public struct ThreadError: Error, Equatable, CustomStringConvertible {
    /// The error number.
    public let code: Int32

    /// One line for the user.
    public var description: String {
        "no thread could be started: \(String(cString: strerror(code))); the limit on processes may be reached"
    }
}
