import ArgumentParser
import ContainerRun

/// What files a container sees beside its image's.
struct ContainerFileArguments: ParsableArguments {
    @Option(
        name: [.customShort("v", allowingJoined: true), .customLong("volume")],
        help: ArgumentHelp(
            "Show a file or directory of the host, or a named volume; a missing one is made (repeatable).",
            valueName: "[source:]place[:ro,…]"),
        transform: ContainerMount.init(volume:))
    var volumes: [ContainerMount] = []

    @Option(
        name: .customLong("mount"),
        help: ArgumentHelp("The same by fields; a missing source is an error (repeatable).", valueName: "type=bind|volume|tmpfs,…"),
        transform: ContainerMount.init(fields:))
    var mounts: [ContainerMount] = []

    @Option(
        name: .customLong("tmpfs"), help: ArgumentHelp("Memory as a file system (repeatable).", valueName: "place[:options]"),
        transform: ContainerMount.init(tmpfs:))
    var memory: [ContainerMount] = []

    @Flag(name: .customLong("read-only"), help: "The root file system cannot be written to.")
    var readOnly = false

    /// All of them.
    var all: [ContainerMount] { volumes + mounts + memory }

    func validate() throws {
        var places: Set<String> = []
        for mount in all where !places.insert(mount.destination).inserted {
            throw ValidationError("two mounts at \(mount.destination)")
        }
    }
}
