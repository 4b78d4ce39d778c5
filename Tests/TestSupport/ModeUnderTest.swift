import HostSystem

/// How the tests' containers are to see lazy layers; `make test` runs what depends on it once for each.
public enum ModeUnderTest {
    /// `native` where `$STARLING_TEST_MODE` says nothing else: a machine that cannot do it fails, and does not pass with something else.
    public static let name = Paths.environment("STARLING_TEST_MODE") ?? "native"
}
