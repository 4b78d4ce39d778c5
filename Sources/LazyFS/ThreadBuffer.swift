internal import Glibc

/// One buffer per thread for answers, as large as the largest read: allocated at a thread's first read and freed at its end.
enum ThreadBuffer {
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let code = pthread_key_create(&key) { free($0) }
        precondition(code == 0, "no thread-specific key is left")
        return key
    }()

    /// The calling thread's buffer; valid until the thread's next use of it.
    static var bytes: UnsafeMutableRawBufferPointer {
        if let memory = pthread_getspecific(key) { return UnsafeMutableRawBufferPointer(start: memory, count: FuseSession.maximumRead) }
        guard let memory = malloc(FuseSession.maximumRead) else { fatalError("out of memory") }
        pthread_setspecific(key, memory)
        return UnsafeMutableRawBufferPointer(start: memory, count: FuseSession.maximumRead)
    }
}
