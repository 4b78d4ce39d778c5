import ArgumentParser
import ChunkStore
import ContainerRun
import FetchEngine
import Glibc
import HostSystem
import LazyFS
import OCI
import Threads

/// A pull into the store of `starling run`: the image is opened as for a run, and remembered.
struct LocalPull {
    let pull: Pull

    /// How often it is looked whether everything is here.
    private static let pause = Duration.milliseconds(100)
    /// How long nothing may come.
    private static let patience = Duration.seconds(300)

    private struct Stalled: Error, CustomStringConvertible {
        let reference: Reference
        var description: String {
            "\(reference): nothing has come for \(patience.components.seconds) s; what is here stays, and the rest can be pulled later"
        }
    }

    func run() async throws {
        let reference = try Reference(parsing: pull.image)
        let signals = try SignalForwarder([SIGINT, SIGTERM, SIGHUP])
        var opening = try OpeningArguments.parse([])
        (opening.registry, opening.storage, opening.logging) = (pull.registry, pull.storage, pull.logging)
        (opening.pull, opening.lazy) = (.always, pull.lazy)
        opening.platform = pull.platforms.first
        let digest = try await pull.storage.withDirectory(for: "pull") { home in
            let purpose = OpeningArguments.Purpose(directory: home, completes: pull.complete)
            return try await opening.withImage(reference, for: purpose, signals: signals) { prepared in
                if pull.complete { try await waitUntilComplete(prepared, reference, signals) }
                return prepared.digest
            }
        }
        try Terminal.result("\(reference) \(digest)")
    }

    private func waitUntilComplete(_ image: RunImage.Prepared, _ reference: Reference, _ signals: SignalForwarder) async throws {
        var (bytes, since) = (UInt64(0), ContinuousClock.now)
        while !image.lazy.allSatisfy(\.layer.isComplete) {
            if let signal = signals.endRequested { throw ExitCode(128 + signal) }
            let now = image.lazy.reduce(0) { $0 + $1.layer.stored.bytesPresent }
            if now != bytes { (bytes, since) = (now, .now) }
            guard ContinuousClock.now - since < LocalPull.patience else { throw Stalled(reference: reference) }
            try await Task.sleep(for: LocalPull.pause)
        }
    }
}
