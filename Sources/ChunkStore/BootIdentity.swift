internal import HostSystem

/// Which boot of the machine this is (the kernel's random boot id): page cache survives a killed process, not a boot.
struct BootIdentity: Equatable, Sendable {
    let low: UInt64
    let high: UInt64

    init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// Of `/proc/sys/kernel/random/boot_id`. Where it cannot be read every start counts as a new boot, which costs a check and nothing else.
    static let current = read()

    private static func read() -> BootIdentity {
        let path = "/proc/sys/kernel/random/boot_id"
        guard let bytes = try? Files.read(path, limit: 128) else { return .random() }
        let digits = String(decoding: bytes, as: UTF8.self).filter(\.isHexDigit)
        guard digits.count == 32, let high = UInt64(digits.prefix(16), radix: 16), let low = UInt64(digits.suffix(16), radix: 16) else {
            return .random()
        }
        return BootIdentity(low: low, high: high)
    }

    private static func random() -> BootIdentity {
        BootIdentity(low: .random(in: .min ... .max), high: .random(in: .min ... .max))
    }
}
