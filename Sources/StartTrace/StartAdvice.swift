/// What a start suggests to do.
public struct StartAdvice: Encodable, Equatable, Sendable {
    /// A sentence with the figures.
    public let text: String
    /// A command that does it.
    public let command: String?

    /// Reads that wait no longer than that together are not worth a word, in microseconds.
    private static let leastWait: UInt64 = 20_000
    private static let leastWaste: UInt64 = 1_000_000

    static func all(_ record: StartRecord, _ summary: StartSummary) -> [StartAdvice] {
        let found =
            [plain(record), waits(record, summary), queue(record), retries(record), probe(record), waste(record, summary)].compactMap { $0 }
        return found.isEmpty ? [nothing(summary)] : found
    }

    private static func plain(_ record: StartRecord) -> StartAdvice? {
        let plain = record.layers.filter { $0.format == nil }
        guard !plain.isEmpty else { return nil }
        let bytes = Quantity.bytes(plain.reduce(0) { $0 + $1.size })
        let layers = Quantity.count(plain.count, "layer is not lazy: its", "layers are not lazy: their")
        return StartAdvice(
            text: "\(layers) \(bytes) had to be here before the container could start. Convert the image.",
            command: "starling convert \(record.image) \(target(record, "-esgz"))")
    }

    private static func waits(_ record: StartRecord, _ summary: StartSummary) -> StartAdvice? {
        guard summary.waitUnion >= leastWait else { return nil }
        let share = Quantity.percent(summary.waitUnion, of: summary.firstOutput ?? summary.end)
        let waited = "\(Quantity.count(summary.waitsBefore, "read")) waited, \(Quantity.time(summary.waitUnion)) or \(share) of the time"
        let landmarks = record.layers.contains { $0.landmark > 0 }
        let time = { (reads: [TraceRead]) in reads.reduce(0) { $0 + $1.wait } }
        let reads = record.events.reads
        if landmarks, 2 * time(reads.filter { $0.cause == .onItsWay }) > time(reads) {
            return StartAdvice(
                text: "\(waited). Most of that was for bytes that had been asked for before: "
                    + "what is left to gain is a faster link, or fewer bytes.", command: nil)
        }
        let why =
            landmarks
            ? "The image is optimized, but not for these reads. Optimize it for this command:"
            : "Optimize the image: what this command reads comes first in its layers then, and with the opening of the image."
        let command = record.arguments.isEmpty ? "" : " -- " + record.arguments.map(Shell.quoted).joined(separator: " ")
        return StartAdvice(
            text: "\(waited). \(why)",
            command: "starling optimize \(record.image) \(target(record, landmarks ? "-again" : "-opt"))\(command)")
    }

    private static func queue(_ record: StartRecord) -> StartAdvice? {
        let queued = record.events.reads.filter { $0.cause == .queued }
        let time = queued.reduce(0) { $0 + $1.queued }
        guard time >= leastWait else { return nil }
        return StartAdvice(
            text: "\(Quantity.count(queued.count, "read")) stood \(Quantity.time(time)) in the queue before anything was asked for: "
                + "more was on its way than the link carries.", command: nil)
    }

    private static func retries(_ record: StartRecord) -> StartAdvice? {
        let failed = record.events.ranges.filter { $0.failure != nil && $0.cause == .demand }
        guard let reason = failed.first?.failure else { return nil }
        return StartAdvice(
            text: "\(Quantity.count(failed.count, "request")) failed while reads waited (\(reason)). See the registry, or the way to it.",
            command: nil)
    }

    private static func probe(_ record: StartRecord) -> StartAdvice? {
        let failed = record.events.requests.filter { $0.failure != nil && $0.kind == .manifest }
        let time = failed.reduce(0) { $0 + $1.end - min($1.start, $1.end) }
        guard time >= leastWait, record.events.requests.contains(where: { $0.kind == .manifest && $0.status == 200 }) else { return nil }
        return StartAdvice(
            text:
                "\(Quantity.time(time)) went into asking for the image where or how it could not be had: see the failed requests. For a registry "
                + "without TLS say --plain-http, or name its scheme in hosts.toml.", command: nil)
    }

    private static func waste(_ record: StartRecord, _ summary: StartSummary) -> StartAdvice? {
        let all = summary.hitBytes + summary.wasteBytes
        guard summary.wasteBytes >= leastWaste, summary.wasteBytes * 2 > all else { return nil }
        let largest = record.layers.flatMap(\.wasted).max { $0.bytes < $1.bytes }
        let example = largest.map { ", such as \($0.path) (\(Quantity.bytes($0.bytes)))" } ?? ""
        return StartAdvice(
            text: "\(Quantity.bytes(summary.wasteBytes)) of files came ahead and were not read (yet)\(example): "
                + "\(Quantity.percent(summary.wasteBytes, of: all)) of what came ahead.", command: nil)
    }

    private static func nothing(_ summary: StartSummary) -> StartAdvice {
        let longest = summary.parts.max { $0.time < $1.time }
        let most = longest.map { " Most of the time went into \($0.kind.words): \(Quantity.time($0.time))." } ?? ""
        return StartAdvice(text: "Hardly a read waited: nothing is left to gain from fetching.\(most)", command: nil)
    }

    // The same place with another tag; of an image by digest only the repository is a place.
    private static func target(_ record: StartRecord, _ suffix: String) -> String {
        let name = record.image.prefix { $0 != "@" }
        let hasTag = name.split(separator: "/").last?.contains(":") == true
        return name + (hasTag ? "" : ":latest") + suffix
    }
}

extension StartSummary.Part.Kind {
    /// For people.
    var words: String {
        switch self {
        case .preparing: "getting ready"
        case .resolving: "finding out what the image is"
        case .opening: "opening the layers"
        case .bundle: "preparing the container"
        case .runtime: "the OCI runtime"
        case .waiting: "reads that waited"
        case .program: "the program itself"
        }
    }
}
