import HostSystem
import TestSupport

/// Debian's Go on the Go sources in Tests; its cache is kept, so that only the first time takes seconds.
enum GoCompiler {
    /// Where Debian's packages put Go libraries.
    static let libraries = "/usr/share/gocode"

    /// Runs `go`.
    ///
    /// - Parameters:
    ///   - directory: of the sources, in Tests.
    ///   - libraries: a GOPATH.
    static func run(_ arguments: [String], in directory: String, libraries: String = libraries) throws {
        try TestSupport.run(
            requireProgram("go", package: "golang-go"), arguments,
            environment: [
                "PATH=/usr/bin:/bin", "GO111MODULE=off", "GOFLAGS=", "GOCACHE=\(Places.cache)/go-build", "GOPATH=\(libraries)",
            ],
            workingDirectory: Places.package + "/Tests/" + directory, deadline: .seconds(600))
    }
}
