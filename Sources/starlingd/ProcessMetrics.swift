internal import Glibc
internal import HostSystem
internal import Metrics

/// What every exporter tells of its process, under the names that all of them use.
enum ProcessMetrics {
    /// Seconds since 1970, nearly: when somebody first asks, which the daemon does when it begins.
    static let startTime = Double(time(nil))

    static func families() -> [MetricFamily] {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let cpu = [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return [
            MetricFamily("process_cpu_seconds_total", .counter, "Processor time, in seconds.", [MetricSample(cpu)]),
            MetricFamily(
                "process_resident_memory_bytes", .gauge, "Memory in use, in bytes.", residentBytes.map { [MetricSample($0)] } ?? []),
            MetricFamily("process_open_fds", .gauge, "Open file descriptors.", openFiles.map { [MetricSample($0)] } ?? []),
            MetricFamily("process_max_fds", .gauge, "File descriptors that may be open.", [MetricSample(UInt64(limit.rlim_cur))]),
            MetricFamily("process_start_time_seconds", .gauge, "When the daemon began, in seconds since 1970.", [MetricSample(startTime)]),
        ]
    }

    // Without /proc there is little else of this daemon; a scrape then goes without these.
    private static var residentBytes: UInt64? {
        let words = (try? Files.read("/proc/self/statm", limit: 4096))?.split(separator: UInt8(ascii: " ")) ?? []
        guard words.count > 1, let pages = UInt64(String(decoding: words[1], as: UTF8.self)) else { return nil }
        return pages * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static var openFiles: UInt64? { (try? Files.entries("/proc/self/fd")).map { UInt64($0.count) } }
}
