internal import ArgumentParser
internal import Snapshots

/// `starlingd recover`: for a daemon that does not start because its metadata is damaged.
struct RecoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover", abstract: "Save what can be read of damaged metadata; the daemon must not run.",
        discussion: """
            The damaged file is kept, beside it the directories of snapshots that it does not name any more. Snapshots that were lost are unknown \
            afterwards: images that need them have to be removed and pulled again. Metadata that is in order is left alone.
            """)

    /// Its `--root` is the one that is meant.
    @ParentCommand
    var daemon: Starlingd

    func run() throws {
        switch try MetadataRecovery.run(root: daemon.root + Daemon.snapshotterDirectory) {
        case .healthy(let path): print("\(path): in order, nothing to do")
        case .recovered(let saved, let lost, let aside):
            print("snapshots saved: \(saved), lost: \(lost)")
            print("what was damaged is in \(aside)")
            if lost > 0 { print("remove images and containers whose snapshots are lost from containerd, and pull the images again") }
        }
    }
}
