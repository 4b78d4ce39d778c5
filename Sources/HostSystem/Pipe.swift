internal import CLinux

/// Pipes.
public enum Pipe {
    /// Makes one that no child inherits; the caller closes both ends.
    ///
    /// - Parameter purpose: what it is for, for messages.
    public static func make(_ purpose: String = "(pipe)") throws(HostError) -> (reader: Int32, writer: Int32) {
        var ends: [Int32] = [-1, -1]
        guard starling_pipe(&ends) == 0 else { throw .last("make a pipe", purpose) }
        return (ends[0], ends[1])
    }
}
