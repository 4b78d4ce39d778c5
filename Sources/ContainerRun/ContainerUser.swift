internal import HostSystem
internal import OCI

/// User and groups of a container's process, looked up in the image's own /etc/passwd and /etc/group as docker does.
struct ContainerUser: Equatable {
    let uid: UInt32
    let gid: UInt32
    /// Groups of /etc/group that list the user by name; none when a group was given.
    let supplementaryGroups: [UInt32]

    /// Bound on passwd and group: 16 MiB, some 200,000 users.
    private static let fileLimit = 16 << 20

    /// Resolves `user[:group]`; an empty text is root.
    init(_ text: String, image: String, root: RootedDirectory) throws {
        let passwd = try root.read("/etc/passwd", limit: ContainerUser.fileLimit) ?? []
        let group = try root.read("/etc/group", limit: ContainerUser.fileLimit) ?? []
        try self.init(
            text, image: image, passwd: String(decoding: passwd, as: UTF8.self), group: String(decoding: group, as: UTF8.self))
    }

    init(_ text: String, image: String, passwd: String, group: String) throws(ContainerError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let user = parts.first ?? ""
        let wantedGroup = parts.count > 1 ? parts[1] : ""
        let entry = ContainerUser.passwdEntry(user.isEmpty ? "0" : user, in: passwd)
        guard let uid = entry?.uid ?? (user.isEmpty ? 0 : UInt32(user)) else { throw .unknownUser(user, image: image) }
        self.uid = uid
        guard wantedGroup.isEmpty else {
            guard let gid = ContainerUser.groupID(wantedGroup, in: group) ?? UInt32(wantedGroup) else {
                throw .unknownGroup(wantedGroup, image: image)
            }
            self.gid = gid
            supplementaryGroups = []
            return
        }
        gid = entry?.gid ?? 0
        supplementaryGroups = entry.map { ContainerUser.groups(listing: $0.name, in: group) } ?? []
    }

    /// The runtime's form.
    var json: JSONValue {
        .object([
            "uid": .integer(Int64(uid)), "gid": .integer(Int64(gid)),
            "additionalGids": .array(supplementaryGroups.map { .integer(Int64($0)) }),
        ])
    }

    private struct PasswdEntry {
        let name: String
        let uid: UInt32
        let gid: UInt32
    }

    /// `name:password:uid:gid:…` by name or, for a number, by uid; a name of digits wins over a uid, as in docker.
    private static func passwdEntry(_ user: String, in passwd: String) -> PasswdEntry? {
        var byNumber: PasswdEntry?
        for fields in lines(passwd) where fields.count >= 4 {
            guard let uid = UInt32(fields[2]), let gid = UInt32(fields[3]) else { continue }
            let entry = PasswdEntry(name: String(fields[0]), uid: uid, gid: gid)
            if entry.name == user { return entry }
            if byNumber == nil, UInt32(user) == uid { byNumber = entry }
        }
        return byNumber
    }

    private static func groupID(_ wanted: String, in group: String) -> UInt32? {
        lines(group).first { $0.count >= 3 && $0[0] == wanted }.flatMap { UInt32($0[2]) }
    }

    /// `name:password:gid:user,user,…`
    private static func groups(listing user: String, in group: String) -> [UInt32] {
        lines(group).compactMap { fields in
            guard fields.count >= 4, fields[3].split(separator: ",").contains(where: { $0 == user }) else { return nil }
            return UInt32(fields[2])
        }
    }

    private static func lines(_ text: String) -> [[Substring]] {
        text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") }.map {
            $0.split(separator: ":", omittingEmptySubsequences: false)
        }
    }
}
