internal import HostSystem

/// Removes the bundles of runs that were killed before they could do it themselves, and ends their containers.
struct BundleReaper {
    let root: String
    let runtime: ContainerRuntime

    /// Removes every bundle in which nobody lives.
    func reap() throws(HostError) {
        let directory = ContainerBundle.directory(root: root)
        try LockedDirectory.reap(in: directory) { id throws(HostError) in
            try ContainerBundle.remove(directory + "/" + id, id: id, runtime: runtime)
        }
    }
}
