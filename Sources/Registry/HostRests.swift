/// Hosts that have just failed: a pure value that says whom to ask first.
///
/// A mirror that is down would cost its timeout with every request. It is asked after the others for a while, but it is asked: where
/// nobody else can be reached, it is the only one there is.
struct HostRests {
    private var ends: [String: ContinuousClock.Instant] = [:]

    /// How long a host that failed is asked last.
    static let duration = Duration.seconds(60)

    mutating func rest(_ id: String, from now: ContinuousClock.Instant) { ends[id] = now + HostRests.duration }
    mutating func wake(_ id: String) { ends[id] = nil }

    /// Places in `ids`: those that rest, or are among `others`, go last, the order being kept otherwise.
    func order(_ ids: [String], others: Set<String> = [], at now: ContinuousClock.Instant) -> [Int] {
        let rests = ids.map { id in others.contains(id) || ends[id].map { $0 > now } ?? false }
        return ids.indices.filter { !rests[$0] } + ids.indices.filter { rests[$0] }
    }
}
