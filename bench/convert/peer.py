"""The reference: ctr-remote of Debian sid's stargz-snapshotter with the same release's containerd, private and never installed."""
import json
import os
import shutil
import signal
import subprocess
import time

import measure


class Unavailable(Exception):
    """Why there is nothing to compare with, in a line."""


# Full references: for external TOCs, ctr-remote parses them as such.
PLAIN, CONVERTED = "docker.io/library/bench:plain", "docker.io/library/bench:converted"
# What the second image with external TOCs is called.
TOC_SUFFIX = "-esgztoc"


class Peer:
    def __init__(self, suite="sid"):
        self.suite = suite
        self.ctr = self.fetch("stargz-snapshotter") + "/usr/bin/ctr-remote"
        self.containerd = self.fetch("containerd") + "/usr/bin/containerd"
        self.name = "ctr-remote %s, containerd %s (Debian %s)" % (self.version(self.ctr), self.version(self.containerd), suite)

    def fetch(self, package):
        script = os.path.join(os.path.dirname(__file__), "..", "peer.sh")
        result = subprocess.run([script, self.suite, package], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if result.returncode != 0:
            raise Unavailable("%s of Debian %s cannot be had: %s" % (package, self.suite, measure.last_line(result.stderr)))
        return result.stdout.strip()

    def version(self, program):
        with open(os.path.join(os.path.dirname(program), "..", "..", "version")) as file:
            version = file.read().strip()
        # Its own libc is newer than Debian 12's; that it runs all the same is seen here and not in the middle.
        try:
            subprocess.run([program, "--version"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable("%s does not run here: %s" % (program, error)) from error
        return version

    def convert(self, archive, options, work, watch=False):
        """Converts an OCI archive in a containerd of its own, new each time, so that nothing is there already.

        Returns what was measured, the import not included, and the size of the converted image's layers, external TOCs among them.
        """
        with Containerd(self, work) as containerd:
            containerd.ctr("image", "import", "--no-unpack", "--index-name", PLAIN, archive)
            watched = [containerd.temporary, containerd.root] if watch else []
            command = [self.ctr, "--address", containerd.socket, "image", "convert", *options, "--oci", PLAIN, CONVERTED]
            with open(containerd.directory + "/ctr-remote.log", "w+") as log:
                measured = measure.run(command, containerd.environment, log, [containerd.process.pid], watched)
            return measured, containerd.layer_bytes(CONVERTED)


class Containerd:
    """A containerd below one directory, for the length of a with statement."""

    def __init__(self, peer, work):
        self.peer, self.directory = peer, os.path.join(work, "containerd")
        self.root, self.temporary = self.directory + "/root", self.directory + "/tmp"
        self.socket = self.directory + "/containerd.sock"
        self.environment = {**os.environ, "TMPDIR": self.temporary}

    def __enter__(self):
        os.makedirs(self.temporary)
        with open(self.directory + "/config.toml", "w") as file:
            # Only the content store is needed; what cannot work in a corner of its own stays off.
            file.write('version = 2\nroot = "%s"\nstate = "%s/state"\n' % (self.root, self.directory))
            file.write('disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", '
                       '"io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]\n')
            file.write('[grpc]\naddress = "%s"\n' % self.socket)
        self.log = open(self.directory + "/log", "w")
        self.process = subprocess.Popen(
            [self.peer.containerd, "--config", self.directory + "/config.toml"], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, process_group=0)
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory)

    def wait_until_ready(self):
        deadline = time.monotonic() + 20
        while subprocess.run([self.peer.ctr, "--address", self.socket, "version"], capture_output=True).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(self.directory + "/log") as file:
                    raise Unavailable("containerd does not start: " + measure.last_line(file.read()))
            time.sleep(0.05)

    def ctr(self, *arguments):
        result = subprocess.run(
            [self.peer.ctr, "--address", self.socket, *arguments], env=self.environment, capture_output=True, text=True, process_group=0)
        if result.returncode != 0:
            raise measure.Failed("ctr-remote %s: %s" % (" ".join(arguments), measure.last_line(result.stderr)))
        return result.stdout

    def content(self, digest):
        with open(os.path.join(self.root, "io.containerd.content.v1.content", "blobs", *digest.split(":")), "rb") as file:
            return json.load(file)

    def layer_bytes(self, image):
        images = dict(line.split()[0:3:2] for line in self.ctr("image", "ls").splitlines()[1:])
        if image not in images:
            raise measure.Failed("ctr-remote has made no image " + image)
        total = 0
        for name in (image, image + TOC_SUFFIX):
            if name in images:
                document = self.content(images[name])
                while "manifests" in document:
                    document = self.content(document["manifests"][0]["digest"])
                total += sum(layer["size"] for layer in document["layers"])
        return total
