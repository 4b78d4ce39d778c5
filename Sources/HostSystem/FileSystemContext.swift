internal import CLinux
internal import Glibc

/// A file system while it is configured (fsopen(2)): options one by one, of any number, and the kernel's words when it refuses.
struct FileSystemContext: ~Copyable {
    /// Longest value of an option in bytes; the kernel reads 256 with the zero (fs/fsopen.c).
    static let maximumValueLength = 255

    private let type: String
    private let descriptor: Int32

    /// Begins; a type that the kernel does not have is ENODEV.
    init(type: String) throws(HostError) {
        descriptor = starling_fsopen(type)
        guard descriptor >= 0 else { throw .last("mount a file system of the type", type) }
        self.type = type
    }

    deinit { close(descriptor) }

    /// Sets an option that has a value.
    func set(_ key: String, _ value: String) throws(HostError) {
        guard starling_fsconfig_string(descriptor, key, value) == 0 else { throw refusal("mount \(type) with \(key)=", value) }
    }

    /// Sets an option without a value.
    func set(_ key: String) throws(HostError) {
        guard starling_fsconfig_flag(descriptor, key) == 0 else { throw refusal("mount \(type) with option", key) }
    }

    /// Sets an option without a value where the kernel knows it; whether it does.
    func setIfKnown(_ key: String) -> Bool {
        if starling_fsconfig_flag(descriptor, key) == 0 { return true }
        // An answer, and not the reason of what may fail later.
        _ = words()
        return false
    }

    /// Makes the file system of what was set and mounts it read-only.
    func mountReadOnly(at target: String) throws(HostError) {
        guard starling_fsconfig_create(descriptor) == 0 else { throw refusal("mount \(type) at", target) }
        let mount = starling_fsmount_readonly(descriptor)
        guard mount >= 0 else { throw refusal("mount \(type) at", target) }
        defer { close(mount) }
        guard starling_move_mount(mount, target) == 0 else { throw refusal("mount \(type) at", target) }
    }

    private func refusal(_ operation: String, _ path: String) -> HostError {
        let code = errno
        return .notMounted(operation: operation, path: path, code: code, words: words())
    }

    /// What the kernel has said since the last time.
    private func words() -> String {
        var messages: [String] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        // The kernel keeps eight at most; each begins with its kind, as in "e erofs: …".
        while messages.count < 8, case let count = read(descriptor, &buffer, buffer.count), count > 2 {
            messages.append(String(decoding: buffer[2..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        }
        return messages.joined(separator: "; ")
    }
}
