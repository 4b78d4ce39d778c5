internal import CAtomics
internal import Glibc

/// Time since boot, for measuring.
public enum MonotonicClock {
    /// Nanoseconds; from the vDSO, without a system call.
    public static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// How long something took, counted in classes that each are twice as wide as the one before: 1, 2, 4 … units.
///
/// Any thread may count at any time, in two atomic additions and without a lock: the data plane does.
public final class LatencyCounts: @unchecked Sendable {
    // Safety: the words are touched by CAtomics only, and live as long as the object. The first is the sum in nanoseconds, one for each class follows.
    private let words: UnsafeMutablePointer<UInt64>
    private let unit: Unit

    /// Unit of the bounds, with as many of them as stargz-snapshotter has for it (`fs/metrics/common/metrics.go`).
    public enum Unit: Sendable {
        /// Up to 16,384.
        case milliseconds
        /// Up to 1,024.
        case microseconds

        var boundCount: Int { self == .milliseconds ? 15 : 11 }
        var nanoseconds: UInt64 { self == .milliseconds ? 1_000_000 : 1_000 }
    }

    /// Nothing counted yet.
    public init(_ unit: Unit) {
        self.unit = unit
        words = .allocate(capacity: unit.boundCount + 2)
        words.initialize(repeating: 0, count: unit.boundCount + 2)
    }

    deinit { words.deallocate() }

    /// Counts what took so long.
    public func count(nanoseconds: UInt64) {
        let units = (nanoseconds + unit.nanoseconds - 1) / unit.nanoseconds
        // 1 unit or less is in class 0, up to 2 in class 1, up to 4 in class 2.
        let place = units <= 1 ? 0 : min(UInt64.bitWidth - (units - 1).leadingZeroBitCount, unit.boundCount)
        _ = starling_word_add(words, nanoseconds)
        _ = starling_word_add(words + 1 + place, 1)
    }

    /// Counts what began then and ends now.
    public func count(since start: UInt64) { count(nanoseconds: MonotonicClock.nanoseconds() - start) }

    /// The counts now, in the unit.
    public var histogram: Histogram {
        Histogram(
            bounds: (0..<unit.boundCount).map { Double(UInt64(1) << UInt64($0)) },
            counts: (0...unit.boundCount).map { starling_word_load(words + 1 + $0) },
            sum: Double(starling_word_load(words)) / Double(unit.nanoseconds))
    }
}
