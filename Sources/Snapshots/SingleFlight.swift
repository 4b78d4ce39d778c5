/// Joins equal work: whoever comes while it is under way waits for its result instead of doing it again.
///
/// The work goes on when a caller gives up, because others may be waiting.
actor SingleFlight<Key: Hashable & Sendable, Value: Sendable> {
    private var flights: [Key: Task<Value, any Error>] = [:]

    func run(_ key: Key, _ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        if let flight = flights[key] { return try await flight.value }
        let flight = Task {
            defer { flights[key] = nil }
            return try await body()
        }
        flights[key] = flight
        return try await flight.value
    }
}
