internal import Digests
internal import OCI

extension StartProfile {
    /// The profile of all the starts that some profiles of one image tell of, whatever their order.
    ///
    /// - Parameter profiles: at least one; each with its name for messages.
    /// - Throws: `ProfileError.otherImage` for the first whose layers are not those of the first one.
    public static func merged(_ profiles: [(name: String, profile: StartProfile)]) throws(ProfileError) -> StartProfile {
        guard var result = profiles.first?.profile else { preconditionFailure("nothing is no profile") }
        if let other = profiles.first(where: { $0.profile.layers != result.layers }) { throw .otherImage(name: other.name) }
        var files: [Part: File] = [:]
        for file in profiles.flatMap(\.profile.files) { files[file.part] = files[file.part].map { $0.merged(file) } ?? file }
        result.recordings = min(StartProfile.mostRecordings, profiles.reduce(0) { $0 + $1.profile.recordings })
        result.files = Array(
            files.values.sorted { ($0.rank, $0.layer, $0.path, $0.start) < ($1.rank, $1.layer, $1.path, $1.start) }.prefix(
                StartProfile.mostFiles))
        return result
    }
}

extension StartProfile.File {
    fileprivate func merged(_ other: StartProfile.File) -> StartProfile.File {
        var merged = self
        merged.recordings = min(StartProfile.mostRecordings, recordings + other.recordings)
        let sum = Double(recordings) * rank + Double(other.recordings) * other.rank
        merged.rank = min(1, sum / Double(recordings + other.recordings))
        merged.add(other.ranges)
        return merged
    }

    fileprivate var start: Int64 { ranges?.first?.offset ?? 0 }
}
