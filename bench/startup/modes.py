"""What is compared: ways to a container by name, and which of them are measured where."""
from dataclasses import dataclass

from podman import WithPodman
from soci import ThroughSoci
from systems import ReferenceDaemon, StarlingDaemon, pull_as_reference, pull_plainly
from ways import ThroughContainerd, WithoutDaemon

OURS = ["estargz", "optimized", "zstd", "profile"]
MAIN = ["full", *OURS, "run", "run-optimized", "reference", "reference-optimized"]
PEERS = ["soci", "podman", "podman-zstd"]
# What a mode is called where people read it.
TITLES = {
    "full": "full pull, overlayfs",
    "estargz": "starlingd, eStargz",
    "optimized": "starlingd, optimized",
    "zstd": "starlingd, zstd:chunked",
    "profile": "starlingd, eStargz and profile",
    "run": "starling run, eStargz",
    "run-optimized": "starling run, optimized",
    "reference": "stargz-snapshotter, eStargz",
    "reference-optimized": "stargz-snapshotter, optimized",
    "soci": "soci-snapshotter",
    "podman": "podman, full pull",
    "podman-zstd": "podman, zstd:chunked",
}


def way(bench, mode):
    """A way by its mode; raises Unavailable, which says why, where a peer cannot be had."""
    title = TITLES[mode]
    if mode == "full":
        return ThroughContainerd(title, "plain", pull_plainly)
    if mode in OURS:
        return ThroughContainerd(title, mode, pull_plainly, lambda: StarlingDaemon(bench.binaries))
    if mode.startswith("run"):
        return WithoutDaemon(title, "optimized" if mode.endswith("optimized") else "estargz")
    if mode.startswith("reference"):
        bench.peers.require_daemon()
        # Our conversion, for it is the way of reading that is compared; its optimizer's form, files as a whole.
        return ThroughContainerd(title, "whole" if mode.endswith("optimized") else "estargz", pull_as_reference, lambda: ReferenceDaemon(bench.peers))
    if mode == "soci":
        bench.soci.programs()
        return ThroughSoci(title, "soci", bench.soci)
    bench.podman.root()
    return WithPodman(title, "zstd" if mode == "podman-zstd" else "plain")


@dataclass(frozen=True)
class Speed:
    """A link: round trip in ms, Mbit/s (0: no limit)."""
    round_trip: int
    mbit: int
    title: str


LINKS = {
    "loopback": Speed(0, 0, "loopback"),
    "near": Speed(5, 1000, "5 ms, 1 Gbit/s"),
    "far": Speed(40, 100, "40 ms, 100 Mbit/s"),
    "slow": Speed(150, 20, "150 ms, 20 Mbit/s"),
}
# Every image is measured over this one, and a few over the others, the slowest with one image.
USUAL = "far"
FEW = ["python3", "nodejs", "redis"]
IMAGES = {"loopback": FEW, "near": FEW, "slow": FEW[:1]}
SHORT, SHORT_MODES = ["python3"], ["full", *OURS, "run", "reference"]


def plan(arguments, images):
    """(image, link, modes) in the order of measuring. What is asked for by name is measured as asked; what is not is chosen so that a run ends
    within about an hour."""
    for image in images:
        for link in arguments.links or LINKS:
            if arguments.links or image in IMAGES.get(link, [image]):
                yield image, link, arguments.modes or default_modes(image, link)


def default_modes(image, link):
    if link == USUAL:
        return MAIN + PEERS if image in FEW else ["full", *OURS, "reference"]
    return ["full", *OURS, "run", "reference"]
