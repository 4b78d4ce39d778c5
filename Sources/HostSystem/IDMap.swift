/// Which of the host's user or group ids the ids of a user namespace are.
public struct IDMap: Hashable, Sendable {
    /// Ids that follow each other.
    public struct Extent: Hashable, Sendable {
        /// First id inside.
        public var inside: UInt32
        /// First id on the host.
        public var host: UInt32
        /// How many.
        public var count: UInt32
    }

    /// Extents; none overlap, or the kernel refuses them.
    public let extents: [Extent]

    /// Parses `inside:host:count`, several of them separated by commas, as containerd's labels have them; nil for anything else.
    public init?(parsing text: String) {
        var extents: [Extent] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let numbers = part.split(separator: ":", omittingEmptySubsequences: false).map { UInt32($0) }
            guard numbers.count == 3, let inside = numbers[0], let host = numbers[1], let count = numbers[2], count > 0 else { return nil }
            extents.append(Extent(inside: inside, host: host, count: count))
        }
        self.extents = extents
    }

    /// The host's id of one inside; nil when it has none.
    public func host(_ id: UInt32) -> UInt32? {
        for extent in extents where id >= extent.inside && id - extent.inside < extent.count {
            let (host, isTooLarge) = extent.host.addingReportingOverflow(id - extent.inside)
            return isTooLarge ? nil : host
        }
        return nil
    }

    /// The text of `/proc/PID/uid_map` (user_namespaces(7)).
    var kernelText: String { extents.map { "\($0.inside) \($0.host) \($0.count)\n" }.joined() }
}
