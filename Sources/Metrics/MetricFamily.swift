// Metrics: what is counted, and how Prometheus reads it (text format 0.0.4). Counters that the data plane touches are atomic words; everything
// else is made when somebody asks: a family is a value, built from facts, written, forgotten. Never: sockets, names of what the daemon does.
//
//     AtomicCounter, LatencyCounts (data plane) ─┐
//     statistics of the rooms ───────────────────┴─▶ [MetricFamily] ─▶ MetricText ─▶ whoever serves it

/// Samples of one name: a quantity, told apart by labels.
public struct MetricFamily: Equatable, Sendable {
    /// What the samples are.
    public enum Kind: String, Sendable {
        /// Only grows, until the process ends.
        case counter
        /// Grows and shrinks.
        case gauge
        /// Counts by size.
        case histogram
    }

    /// Name, unit included: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    public let name: String
    /// What it is, in one line.
    public let help: String
    /// What the samples are.
    public let kind: Kind
    /// In the order in which they are written.
    public var samples: [MetricSample]

    /// A family; none of its samples is there twice with the same labels.
    public init(_ name: String, _ kind: Kind, _ help: String, _ samples: [MetricSample] = []) {
        (self.name, self.kind, self.help, self.samples) = (name, kind, help, samples)
    }
}

/// One value of a family.
public struct MetricSample: Equatable, Sendable {
    /// A name and a value, as `layer="sha256:…"`.
    public struct Label: Equatable, Sendable {
        /// `[a-zA-Z_][a-zA-Z0-9_]*`.
        public let name: String
        /// Any text.
        public let value: String
    }

    /// What is told.
    public enum Value: Equatable, Sendable {
        /// Of a counter or a gauge.
        case number(Double)
        /// Of a histogram.
        case histogram(Histogram)
    }

    /// Labels in the order in which they are written.
    public let labels: [Label]
    /// The value.
    public let value: Value

    /// A number.
    public init(_ number: Double, _ labels: KeyValuePairs<String, String> = [:]) { self.init(.number(number), labels) }

    /// A count.
    public init(_ count: UInt64, _ labels: KeyValuePairs<String, String> = [:]) { self.init(.number(Double(count)), labels) }

    /// A histogram.
    public init(_ histogram: Histogram, _ labels: KeyValuePairs<String, String> = [:]) { self.init(.histogram(histogram), labels) }

    private init(_ value: Value, _ labels: KeyValuePairs<String, String>) {
        self.value = value
        self.labels = labels.map { Label(name: $0.key, value: $0.value) }
    }
}
