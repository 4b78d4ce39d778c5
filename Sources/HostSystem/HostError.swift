internal import CLinux
internal import Glibc

// HostSystem: the few things that starling asks of Linux, as typed values and owners.
//
// Mounts, atomic file writes, locks, mapped files, child processes, signals. Every failure is a `HostError` that says which call
// failed on which path and, where we know one, what to do about it. The room knows nothing of images, layers or containers, reads no
// configuration and logs nothing. It never follows a symbolic link where it deletes, and what it owns (a directory, a lock, a mapping,
// a child) is released by `deinit` at the latest.

/// Why Linux refused something; `description` is one line for the user.
public enum HostError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A call failed with an error number.
    case call(operation: String, path: String, code: Int32)
    /// The kernel did not mount something, and perhaps said why; `words` is empty when it did not.
    case notMounted(operation: String, path: String, code: Int32, words: String)
    /// Someone else holds a lock.
    case locked(path: String, holder: String)
    /// A file is larger than what is read into memory.
    case tooLarge(path: String, limit: Int)
    /// A program is in none of the directories of PATH.
    case programMissing(names: [String])
    /// A program did not end in time and was killed.
    case deadline(program: String, seconds: Double)
    /// Something that only a process of one thread can do, asked for in one of several.
    case severalThreads(operation: String, count: Int)
    /// A file of the kernel has not the form that its manual page promises.
    case malformed(path: String, reason: String)

    /// The failure of the call that has just set `errno`; to be made before anything else runs.
    public static func last(_ operation: String, _ path: String) -> HostError {
        .call(operation: operation, path: path, code: errno)
    }

    /// The error number, when a call failed.
    public var code: Int32? {
        switch self {
        case .call(_, _, let code), .notMounted(_, _, let code, _): code
        default: nil
        }
    }

    /// One line: what, where, why, and the remedy where there is one.
    public var description: String {
        switch self {
        case .call(let operation, _, let code), .notMounted(let operation, _, let code, _):
            summary + (HostError.remedy(operation, code).map { "; " + $0 } ?? "")
        default: summary
        }
    }

    /// One line: what, where, why.
    public var summary: String {
        switch self {
        case .call(let operation, let path, let code): "cannot \(operation) \(path): \(HostError.text(code))"
        case .notMounted(let operation, let path, let code, let words):
            "cannot \(operation) \(path): \(HostError.text(code))" + (words.isEmpty ? "" : " (the kernel: \(words))")
        case .locked(let path, let holder): "\(path) is in use by \(holder); wait for it to end, or use another --root"
        case .tooLarge(let path, let limit): "\(path) is larger than the \(limit) bytes that are read"
        case .programMissing(let names):
            "\(names.joined(separator: " or ")) not found in PATH; install it (apt-get install \(names[0])) or give its path"
        case .deadline(let program, let seconds): "\(program) did not end within \(seconds) s and was killed"
        case .severalThreads(let operation, let count): "cannot \(operation): the process has \(count) threads already"
        case .malformed(let path, let reason): "\(path): \(reason)"
        }
    }

    /// The system's text of an error number.
    public static func text(_ code: Int32) -> String {
        guard let text = starling_error_text(code) else { return "error \(code)" }
        return String(cString: text)
    }

    private static func remedy(_ operation: String, _ code: Int32) -> String? {
        switch code {
        case EPERM, EACCES:
            geteuid() == 0 ? nil : "run as root, or choose a place that you may write to with --root"
        case ENOSPC, EDQUOT: "free some space, or choose another disk with --root"
        case EROFS: "choose a place that can be written to with --root"
        case EMFILE: "raise the limit of open files (ulimit -n)"
        case ENODEV where operation.contains("mount"): "the kernel lacks that file system; load its module with modprobe"
        case ENOTBLK where operation.contains("mount"):
            "this kernel mounts block devices only, not files on this file system: Linux 6.12 with CONFIG_EROFS_FS_BACKED_BY_FILE mounts files"
        default: nil
        }
    }
}
