import Testing

@testable import Snapshots

@Suite struct OverlayPlanTests {
    @Test(
        "kernel releases compare by their first two numbers",
        arguments: [
            ("5.11.0", true), ("5.10.200-amd64", false), ("6.1.0-13-amd64", true), ("4.20", false), ("5.11-rc1", true), ("x", false),
        ])
    func releases(release: String, isAtLeast: Bool) {
        #expect(OverlayPlan.isAtLeast(major: 5, minor: 11, release: release) == isAtLeast)
    }

    @Test("options that the host needs come first, where containerd puts them")
    func options() {
        let plan = OverlayPlan(commonOptions: ["index=off", "userxattr"])
        let mounts = plan.mounts(kind: .active, upper: "/u", work: "/w", lowers: ["/b", "/a"])
        #expect(mounts.first?.options == ["index=off", "userxattr", "workdir=/w", "upperdir=/u", "lowerdir=/b:/a"])
    }
}
