internal import Digests
internal import HostSystem
internal import StartTrace

// What the engine tells of itself when a start is recorded. Without that nothing here runs.

extension FetchCause {
    /// What is expected has a place in an order; what lies before a landmark has none.
    init(_ priority: FetchPriority, _ order: ReadOrder) {
        switch priority {
        case .demand: self = .demand
        case .prefetch: self = order == .first ? .prefetch : .prediction
        case .background: self = .background
        }
    }
}

extension RangeTrace {
    /// An attempt is over.
    func ended(_ result: Result<Void, any Error>) {
        switch result {
        case .success: ended(nil)
        case .failure(let error): ended("\(error)")
        }
    }
}

extension LazyLayer {
    /// Takes down a read of it that is about to wait.
    ///
    /// - Returns: the record, and what is to be called in place of `completion`.
    func traced(
        _ place: ReadPlace?, _ completion: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) -> (ReadTrace?, @Sendable (Result<Void, any Error>) -> Void) {
        guard let trace, let place else { return (nil, completion) }
        let read = ReadTrace(trace, of: digest.description, place)
        // Now: a process that has its bytes may end at once.
        let program = LazyLayer.program(of: place.process)
        return (
            read,
            { result in
                let isFailed = if case .failure = result { true } else { false }
                read.ended(isFailed: isFailed, program: program)
                completion(result)
            }
        )
    }

    private static func program(of process: Int32) -> String? {
        // The kernel names a thread, which may have a name of its own.
        guard process > 0, let status = try? Files.read("/proc/\(process)/status", limit: 64 << 10),
            let line = status.split(separator: UInt8(ascii: "\n")).first(where: { $0.starts(with: "Tgid:".utf8) }),
            let leader = line.split(separator: UInt8(ascii: "\t")).last.map({ String(decoding: $0, as: UTF8.self) }),
            let name = try? Files.read("/proc/\(leader)/comm", limit: 64)
        else { return nil }
        return String(decoding: name.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
