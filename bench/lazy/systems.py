"""What is measured: containerd with a snapshotter (its own, the reference's, ours), and `starling run` without any daemon."""
import os
import signal
import subprocess
from dataclasses import dataclass

from owned import NAMESPACE, Failed, Started, run, timed


@dataclass
class Start:
    """One container's way to its first line of output, cold."""
    # Seconds; None where one command does all.
    pull: float | None
    create: float | None
    run: float | None
    seconds: float
    # At the link until the output: requests, and bytes that have come out of it.
    requests: int
    bytes: int


class Node:
    """A containerd with everything below one directory, and with a snapshotter daemon when it is given one."""

    def __init__(self, workplace, peers, daemon=None):
        self.workplace, self.peers, self.daemon = workplace, peers, daemon
        self.snapshotter = "stargz" if daemon else "overlayfs"
        self.directory = workplace.path
        self.socket = self.directory + "/containerd.sock"
        if daemon:
            daemon.start(workplace)
        with open(self.directory + "/containerd.toml", "w") as file:
            file.write(self.configuration())
        self.process = workplace.start(
            "containerd", [peers.containerd, "--config", self.directory + "/containerd.toml"],
            environment={"PATH": peers.programs + ":" + os.environ["PATH"]})
        workplace.wait_for("containerd", self.process, lambda: self.is_ready())

    def configuration(self):
        # What cannot work in a corner of its own stays off.
        text = 'version = 2\nroot = "%s/root"\nstate = "%s/state"\n' % (self.directory, self.directory)
        text += ('disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", '
                 '"io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]\n')
        text += '[grpc]\naddress = "%s"\n' % self.socket
        text += '[plugins."io.containerd.transfer.v1.local"]\n'
        for name in {"overlayfs", self.snapshotter}:
            text += '[[plugins."io.containerd.transfer.v1.local".unpack_config]]\nplatform = "linux/amd64"\nsnapshotter = "%s"\n' % name
        if self.daemon:
            # From 2.1 on, containerd's own pull then tells the snapshotter what it needs to be lazy.
            text += ('[proxy_plugins.stargz]\ntype = "snapshot"\naddress = "%s"\n[proxy_plugins.stargz.exports]\nroot = "%s"\n'
                     'enable_remote_snapshot_annotations = "true"\n' % (self.daemon.socket, self.daemon.root))
        return text

    def is_ready(self):
        return os.path.exists(self.socket) and subprocess.run(
            [self.peers.plain_ctr, "--address", self.socket, "--connect-timeout", "2s", "version"], capture_output=True).returncode == 0

    def ctr_command(self, *arguments, program=None):
        return [program or self.peers.plain_ctr, "--address", self.socket, "--namespace", NAMESPACE, *arguments]

    def ctr(self, *arguments, **options):
        return run(*self.ctr_command(*arguments), **options)

    def mount(self, image, name):
        """Mounts an image as a container has it, with an upper directory, and returns where."""
        target = os.path.join(self.directory, name)
        os.mkdir(target)
        self.ctr("image", "mount", "--rw", "--snapshotter", self.snapshotter, image, target)
        return target

    def unmount(self, target):
        self.ctr("image", "unmount", "--rm", "--snapshotter", self.snapshotter, target)
        os.rmdir(target)


# How an image comes to a node: commands of the client, each returns the command line.

def pull_plainly(node, image):
    return node.ctr_command("image", "pull", "--plain-http", "--snapshotter", node.snapshotter, image)


def pull_as_reference(node, image):
    return node.ctr_command("image", "rpull", "--plain-http", "--snapshotter", node.snapshotter, image, program=node.peers.ctr)


def pull_as_starling(node, image):
    return [node.daemon.binaries + "/starling", "pull", "--plain-http", "--containerd", node.socket, "--namespace", NAMESPACE, image]


class ReferenceDaemon:
    def __init__(self, peers):
        self.peers = peers

    def start(self, workplace):
        self.socket, self.root = workplace.path + "/snapshotter.sock", workplace.path + "/reference"
        self.process = workplace.start(
            "reference", [self.peers.daemon, "-address", self.socket, "-root", self.root], number=signal.SIGINT)
        workplace.wait_for("reference", self.process, lambda: os.path.exists(self.socket))


class StarlingDaemon:
    """mode: `[starling] mode` of its configuration, None for what it chooses; completes: whether it fetches the rest of layers by and by."""

    def __init__(self, binaries, mode=None, completes=True):
        self.binaries, self.mode, self.completes = binaries, mode, completes

    def start(self, workplace):
        self.socket, self.root = workplace.path + "/snapshotter.sock", workplace.path + "/starlingd"
        with open(workplace.path + "/starlingd.toml", "w") as file:
            file.write("" if self.completes else "no_background_fetch = true\n")
            file.write('[starling]\nmode = "%s"\n' % self.mode if self.mode else "")
        self.process = workplace.start(
            "starlingd", [self.binaries + "/starlingd", "--plain-http", "--address", self.socket, "--root", self.root, "--config",
                          workplace.path + "/starlingd.toml"], number=signal.SIGINT)
        workplace.wait_for("starlingd", self.process, lambda: os.path.exists(self.socket))


class Containerd:
    """A way to a container through containerd."""

    def __init__(self, name, variant, pull, daemon=lambda: None):
        self.name, self.variant, self.pull, self.daemon = name, variant, pull, daemon

    def node(self, bench, workplace):
        return Node(workplace, bench.peers, self.daemon())

    def start(self, bench, workplace, image, link, command, expected):
        """One cold start: the node is up, its store empty."""
        node = self.node(bench, workplace)
        bench.warm_programs()
        link.reset()
        name = "cold"
        pull = timed(*self.pull(node, image))
        create = timed(*node.ctr_command("container", "create", "--snapshotter", node.snapshotter, image, name, *command))
        with open(workplace.path + "/container.log", "w") as log:
            with Started(node.ctr_command("task", "start", name), log) as task:
                output(task, expected)
                counts = link.counts()
                task.wait()
        node.ctr("container", "rm", name)
        return Start(pull, create, task.elapsed, pull + create + task.elapsed, counts["requests"], counts["delivered"])

    def deploy(self, bench, workplace, image):
        """Seconds of pull and create: until a container could start."""
        node = self.node(bench, workplace)
        bench.warm_programs()
        return timed(*self.pull(node, image)) + timed(
            *node.ctr_command("container", "create", "--snapshotter", node.snapshotter, image, "deployed", "true"))


class Daemonless:
    """`starling run`."""

    def __init__(self, name, variant, mode=None):
        self.name, self.variant, self.mode = name, variant, mode

    def command(self, bench, workplace, image, command):
        mode = ["--mode", self.mode] if self.mode else []
        return [bench.binaries + "/starling", "run", "--rm", "--plain-http", *mode, "--root", workplace.path + "/store", image, *command]

    def start(self, bench, workplace, image, link, command, expected):
        bench.warm_programs()
        link.reset()
        with open(workplace.path + "/container.log", "w") as log:
            with Started(self.command(bench, workplace, image, command), log) as task:
                output(task, expected)
                counts = link.counts()
                task.wait()
        return Start(None, None, None, task.elapsed, counts["requests"], counts["delivered"])


def output(task, expected):
    line = task.first_line()
    if line != expected:
        raise Failed("unexpected output: %r" % line)
