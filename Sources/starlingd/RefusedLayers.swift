internal import Daemons
internal import Snapshots

/// Layers that are not lazy, for the status: the latest, each once, and how many there were of each kind.
struct RefusedLayers {
    private(set) var latest: [RefusedLayer] = []
    /// Refusals since the daemon's start by code.
    private(set) var counts: [String: UInt64] = [:]

    mutating func add(digest: String, image: String, code: String, reason: String) {
        counts[code, default: 0] += 1
        // The same again tells nothing but the time.
        latest.removeAll { ($0.digest, $0.image, $0.code) == (digest, image, code) }
        latest.append(
            RefusedLayer(
                digest: digest, image: image, code: code, reason: reason, time: SnapshotTime.now().nanoseconds / 1_000_000_000))
        if latest.count > StatusReport.maximumRefused { latest.removeFirst() }
    }
}
