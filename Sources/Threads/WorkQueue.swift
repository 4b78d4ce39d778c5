/// Work for a few threads, first in first out. Unbounded by itself: whoever adds keeps a budget.
public final class WorkQueue<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var head = 0
        var isClosed = false
    }

    private let state = Monitor(State())
    /// Elements that were taken are dropped from the front in batches of this many.
    private static var batch: Int { 1024 }

    /// An empty queue.
    public init() {}

    /// Adds an element; false when the queue is closed.
    public func add(_ element: Element) -> Bool {
        state.update { state in
            if !state.isClosed { state.elements.append(element) }
            return !state.isClosed
        }
    }

    /// Takes the next element, waiting for one; nil when the queue is closed and empty.
    public func next() -> Element? { state.wait(WorkQueue.take) }

    /// Takes the next element as `next()` does. When none has come for as long as `patience`, `rest` runs, once, and the waiting goes on.
    public func next(restingAfter patience: Duration, _ rest: () -> Void) -> Element? {
        let deadline = ContinuousClock.now + patience
        if let taken = state.wait(until: { _ in deadline }, WorkQueue.take) { return taken }
        rest()
        return next()
    }

    /// The next element, or none of a queue that is closed and empty; nil for one to wait for.
    private static func take(_ state: inout State) -> Element?? {
        guard state.head < state.elements.count else { return state.isClosed ? .some(nil) : nil }
        let element = state.elements[state.head]
        state.head += 1
        if state.head == state.elements.count || state.head >= WorkQueue.batch {
            state.elements.removeFirst(state.head)
            state.head = 0
        }
        return .some(element)
    }

    /// Takes no more elements; threads in `next` end when the rest is done.
    public func close() { state.update { $0.isClosed = true } }
}
