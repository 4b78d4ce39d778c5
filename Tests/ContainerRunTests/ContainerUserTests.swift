import Testing

@testable import ContainerRun

@Suite("User and groups of a container")
struct ContainerUserTests {
    private let passwd = """
        root:x:0:0:root:/root:/bin/sh
        # a comment
        worker:x:1000:1001::/home/worker:/bin/sh
        broken:x:notanumber:5
        1234:x:77:78::/:/bin/sh
        """
    private let group = "root:x:0:\nworkers:x:1001:\naudio:x:29:worker,other\nvideo:x:44:worker\nwheel:x:10:root\n"

    @Test(
        "names and numbers are looked up as docker does",
        arguments: [
            ("", 0, 0, [10]), ("root", 0, 0, [10]), ("worker", 1000, 1001, [29, 44]), ("1000", 1000, 1001, [29, 44]),
            ("4242", 4242, 0, []), ("worker:audio", 1000, 29, []), ("worker:5", 1000, 5, []), ("4242:4343", 4242, 4343, []),
            (":29", 0, 29, []), ("1234", 77, 78, []), ("0:0", 0, 0, []), ("worker:", 1000, 1001, [29, 44]),
        ] as [(String, UInt32, UInt32, [UInt32])])
    func lookup(text: String, uid: UInt32, gid: UInt32, groups: [UInt32]) throws {
        let user = try ContainerUser(text, image: "image", passwd: passwd, group: group)
        #expect(user.uid == uid && user.gid == gid && user.supplementaryGroups == groups)
    }

    @Test(
        "an image without /etc/passwd has numbers only",
        arguments: [("", 0, 0), ("12", 12, 0), ("12:13", 12, 13)] as [(String, UInt32, UInt32)])
    func withoutFiles(text: String, uid: UInt32, gid: UInt32) throws {
        let user = try ContainerUser(text, image: "image", passwd: "", group: "")
        #expect(user.uid == uid && user.gid == gid && user.supplementaryGroups.isEmpty)
    }

    @Test(
        "a user or group that is not there is an error that names it and the image", arguments: ["nobody", "-1", "99999999999", "broken"])
    func unknownUser(text: String) {
        #expect(throws: ContainerError.unknownUser(text, image: "image")) {
            try ContainerUser(text, image: "image", passwd: passwd, group: group)
        }
        #expect(throws: ContainerError.unknownGroup(text, image: "image")) {
            try ContainerUser("worker:" + text, image: "image", passwd: passwd, group: group)
        }
    }
}
