import Glibc
import HostSystem

// TestSupport: what tests share. Real servers on loopback (docker-registry, containerd, our own daemon), each an owner that ends its
// process; a proxy that counts bytes; real images; running programs with a deadline. What a test needs and a machine lacks makes the
// test fail with that reason: nothing is skipped in silence.

/// Why a test cannot go on.
public struct TestFailure: Error, CustomStringConvertible {
    /// One line.
    public let description: String

    /// A failure with its reason.
    public init(_ description: String) { self.description = description }
}

/// Fails unless the tests run as root.
public func requireRoot() throws {
    guard geteuid() == 0 else { throw TestFailure("this test mounts file systems and must run as root: sudo make test") }
}

/// Fails unless a program is in PATH; returns its path.
///
/// - Parameter package: the Debian package that has it, when that is called otherwise.
@discardableResult
public func requireProgram(_ name: String, package: String? = nil) throws -> String {
    do {
        return try Paths.executable(name)
    } catch {
        throw TestFailure("this test needs \(name): apt-get install \(package ?? name), or run make test, which does it")
    }
}

/// Fails unless the machine has /dev/fuse.
public func requireFuse() throws {
    guard Files.exists("/dev/fuse") else { throw TestFailure("this test needs /dev/fuse: modprobe fuse") }
}

/// Asks until the answer is yes.
///
/// - Parameters:
///   - what: what is waited for, for the failure.
///   - deadline: when to give up.
public func waitUntil(_ what: String, deadline: Duration = .seconds(20), _ condition: () throws -> Bool) throws {
    let end = ContinuousClock.now + deadline
    while try !condition() {
        guard ContinuousClock.now < end else { throw TestFailure("\(what): not within \(deadline)") }
        usleep(10_000)
    }
}

/// Where things of the package are.
public enum Places {
    /// The package's directory.
    public static let package = Paths.parent(of: Paths.parent(of: Paths.parent(of: #filePath)))

    /// The path of a program of this package, built beside the running test.
    public static func product(_ name: String) throws -> String {
        let directory = try Paths.environment("STARLING_BIN") ?? Paths.parent(of: Paths.resolved("/proc/self/exe"))
        let path = directory + "/" + name
        guard Files.exists(path) else { throw TestFailure("\(path) is missing: swift build, or set STARLING_BIN to where it is") }
        return path
    }

    /// Directory that keeps what takes long to make: $STARLING_TEST_CACHE or /var/cache/starling-tests.
    public static var cache: String { Paths.environment("STARLING_TEST_CACHE") ?? "/var/cache/starling-tests" }
}
