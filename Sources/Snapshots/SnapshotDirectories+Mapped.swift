internal import Glibc
internal import HostSystem

// Lower directories of snapshots for user namespaces.
extension SnapshotDirectories {
    func mapped(_ id: Int64) -> String { path(id) + Self.mappedName }

    private static let mappedName = "/mapped"

    /// Shows lower directories with the ids of a user namespace; where, in the same order.
    ///
    /// One that belongs to the namespace's root already is left as it is: a client that does not count on a snapshotter for this has changed the
    /// owners of a copy itself, and names the namespace all the same.
    func map(_ lowers: [String], of id: Int64, as ids: SnapshotIDs) throws(HostError) -> [String] {
        var (shown, missing): ([String], [(source: String, target: String)]) = ([], [])
        for (index, lower) in lowers.enumerated() {
            let owner = try attributes(of: lower)
            if owner.owner == ids.root.user, owner.group == ids.root.group {
                shown.append(lower)
                continue
            }
            let place = "\(mapped(id))/\(index)"
            shown.append(place)
            if !Self.isSame(lower, place) { missing.append((lower, place)) }
        }
        guard !missing.isEmpty else { return shown }
        do {
            for place in missing {
                // What was below has been mounted anew since.
                try Mounts.unmount(place.target)
                try Files.makeDirectories(place.target)
            }
            try ids.mapping.mount(missing)
        } catch  where shown.first == lowers.first {
            // Such a copy hides everything below it, and the kernel may be too old for more.
            return lowers
        }
        return shown
    }

    /// Whether two paths lead to the same directory. The file system of a mapped one lives, so nothing else has its number.
    private static func isSame(_ one: String, _ other: String) -> Bool {
        var (first, second) = (stat(), stat())
        return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// Takes away what `map` has mounted in a snapshot's directory, wherever that is by now.
    func unmap(in directory: String) throws(HostError) {
        let mapped = directory + Self.mappedName
        guard Files.exists(mapped) else { return }
        for name in try Files.entries(mapped) { try Mounts.unmount(mapped + "/" + name) }
    }

    /// Takes away what `map` has mounted for any snapshot.
    func unmapAll() throws(HostError) {
        for id in try scan().snapshots { try unmap(in: path(id)) }
    }

    /// Removes a snapshot's directory, wherever that is by now.
    func remove(_ directory: String) throws(HostError) {
        try unmap(in: directory)
        try Files.remove(directory)
    }
}
