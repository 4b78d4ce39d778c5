"""soci-snapshotter of Debian sid, unpacked and never installed: images stay as they are, an index of theirs lies beside them in the registry."""
import os
import signal
import subprocess

from owned import NAMESPACE, Workplace, run, unmount_below
from peer import Unavailable
from systems import Containerd, pull_plainly

SUITE = "sid"
STATE = "/var/lib/soci-snapshotter-grpc"


class Soci:
    def __init__(self, peers):
        self.peers, self.directory = peers, None

    def programs(self):
        if not self.directory:
            self.directory = self.peers.fetch("soci-snapshotter") + "/usr/bin"
            try:
                subprocess.run([self.directory + "/soci", "--version"], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError) as error:
                raise Unavailable("soci does not run here: %s" % error) from error
        return self.directory

    def version(self):
        return "soci-snapshotter %s (Debian %s)" % (self.peers.version(self.programs() + "/soci"), SUITE)

    def command(self, node, *words):
        return [self.programs() + "/soci", "--address", node.socket, "--namespace", NAMESPACE, *words]

    def index(self, bench, workplace, image):
        """Makes an index of an image in a registry, and pushes it there."""
        with Workplace(workplace) as own:
            take_fixed_places(own)
            node = Containerd("indexing", None, pull_plainly).node(bench, own)
            run(*pull_plainly(node, image))
            run(*self.command(node, "create", image))
            run(*self.command(node, "push", "--plain-http", "--quiet", image))


def take_fixed_places(workplace):
    """Version 0.4 cannot be told where its content and its database are: here they are this workplace's."""
    give_fixed_places_back()
    os.makedirs(STATE)
    os.mkdir(workplace.path + "/state")
    run("mount", "--bind", workplace.path + "/state", STATE)


def give_fixed_places_back():
    unmount_below(STATE)
    if os.path.isdir(STATE):
        # Empty, or it is somebody's who uses it.
        os.rmdir(STATE)


def pull_as_soci(soci):
    return lambda node, image: soci.command(node, "image", "rpull", "--plain-http", "--snapshotter", node.snapshotter, image)


class SociDaemon:
    def __init__(self, soci):
        self.soci = soci

    def start(self, workplace):
        take_fixed_places(workplace)
        self.socket, self.root = workplace.path + "/snapshotter.sock", workplace.path + "/soci"
        self.process = workplace.start("soci", [self.soci.programs() + "/soci-snapshotter-grpc", "--address", self.socket, "--root", self.root],
                                       number=signal.SIGINT)
        workplace.wait_for("soci", self.process, lambda: os.path.exists(self.socket))
