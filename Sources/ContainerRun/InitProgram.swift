internal import HostSystem

/// A tiny first process for containers whose program is not made to be one: it passes signals on, and reaps what nobody waits for.
enum InitProgram {
    /// Static ones, which need nothing of the image; all take `-- PROGRAM ARGUMENTS`. By what Debian packages them in: tini, docker, podman.
    private static let candidates = [
        "/usr/bin/tini-static", "/usr/libexec/docker/docker-init", "/usr/bin/docker-init", "/usr/libexec/podman/catatonit",
        "/usr/bin/catatonit",
    ]

    /// - Throws: `ContainerError.noInit`.
    static func find() throws(ContainerError) -> String {
        guard let found = candidates.first(where: Files.exists) else { throw .noInit }
        return found
    }
}
