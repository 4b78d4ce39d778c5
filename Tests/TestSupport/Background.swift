import Synchronization
import Threads

/// Something that blocks, on a thread of its own from now on, whatever Swift's few threads are busy with.
public final class Background<Value: Sendable>: Sendable {
    private let result: Monitor<Result<Value, any Error>?>

    /// Starts `body`.
    public init(_ body: @escaping @Sendable () throws -> Value) throws {
        let result = Monitor<Result<Value, any Error>?>(nil)
        self.result = result
        try NativeThread.start(name: "background") {
            let value = Result { try body() }
            result.update { $0 = value }
        }.detach()
    }

    /// Waits for its end.
    public func value() throws -> Value { try result.wait { $0 }.get() }
}
