import ArgumentParser
import HostSystem

extension Background {
    /// Goes on with another command of this program in the background, and returns when that is ready.
    ///
    /// - Throws: its exit status, when it never is; it has said why.
    static func start(_ arguments: [String]) throws {
        let status = try start("/proc/self/exe", arguments)
        guard status == 0 else { throw ExitCode(status) }
    }
}
