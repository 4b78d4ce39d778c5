import Glibc
import HostSystem

/// Where the checked-in fixtures are.
public enum Fixtures {
    /// The package's directory, told from this file's path.
    public static let package = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }

    /// Path of a fixture.
    public static func path(_ name: String) -> String { "\(package)/testdata/fixtures/\(name)" }

    /// Content of a file.
    public static func bytes(_ path: String) throws -> [UInt8] { try Files.read(path, limit: 1 << 30) }
}
