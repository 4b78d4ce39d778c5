"""podman of Debian 13 in a root directory of its own, for its libraries are newer than Debian 12's; made once by mmdebstrap, nothing is installed.

It pulls zstd:chunked by parts where a layer's files are here already; into an empty store that is all of it.
"""
import json
import os

import inputs
import turns
from owned import Failed, Started, mount, run, timed
from peer import Unavailable
from ways import Start, await_ready

SUITE, PACKAGES = "trixie", ("podman", "runc", "ca-certificates", "zstd")
SIGN = "usr/bin/podman"
STORAGE = """[storage]
driver = "overlay"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
[storage.options]
pull_options = { enable_partial_images = "true", use_hard_links = "false", ostree_repos = "" }
"""
CONTAINERS = """[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "runc"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
"""
POLICY = {"default": [{"type": "insecureAcceptAnything"}]}


class Podman:
    def __init__(self, cache):
        self.cache, self.found = os.path.join(cache, "peers", SUITE, "podman-root"), None

    def root(self):
        """The kept root directory; made when it is first asked for."""
        if not self.found:
            os.makedirs(os.path.dirname(self.cache), exist_ok=True)
            try:
                self.found = inputs.once(self.cache, make_root, SIGN)
            except Failed as error:
                raise Unavailable("podman of Debian %s cannot be had: %s" % (SUITE, error)) from error
        return self.found

    def version(self):
        status = self.root() + "/var/lib/dpkg"
        return "podman %s (Debian %s)" % (run("dpkg-query", "--admindir", status, "-W", "-f", "${Version}", "podman"), SUITE)


def make_root(directory):
    run("mmdebstrap", "--quiet", "--variant=minbase", "--include=" + ",".join(PACKAGES), "--aptopt=Acquire::Retries \"3\"", SUITE, directory, seconds=1800)


class Household:
    """podman of a root directory, with a store of its own below a workplace, in a chroot that ends with it. layers: of an additional layer store."""

    def __init__(self, root, workplace, layers=None):
        self.root = workplace.path + "/podman"
        os.mkdir(self.root)
        run("mount", "--bind", root, self.root)
        for name, target in (("graph", "/var/lib/containers"), ("run", "/run"), ("tmp", "/tmp"), ("etc", "/etc/containers")):
            place = "%s/podman-%s" % (workplace.path, name)
            os.mkdir(place)
            os.makedirs(self.root + target, exist_ok=True)
            run("mount", "--bind", place, self.root + target)
        mount("proc", "proc", self.root + "/proc")
        run("mount", "--rbind", "/sys", self.root + "/sys")
        run("mount", "--rbind", "/dev", self.root + "/dev")
        storage = STORAGE + ('additionallayerstores = ["%s:ref"]\n' % layers if layers else "")
        for name, text in (("storage.conf", storage), ("policy.json", json.dumps(POLICY)), ("containers.conf", CONTAINERS)):
            with open(self.root + "/etc/containers/" + name, "w") as file:
                file.write(text)

    def command(self, *words):
        return ["chroot", self.root, "podman", *words]

    def end(self):
        """Containers end; mounts do with the workplace."""
        run(*self.command("rm", "--all", "--force", "--time", "0"))


class WithPodman:
    """podman pull, create and start --attach. root: of the podman that it is, Debian 13's where there is none."""

    def __init__(self, name, variant, root=None):
        self.name, self.variant, self.root = name, variant, root

    def household(self, bench, workplace):
        return Household(self.root or bench.podman.root(), workplace)

    def reach(self, bench, workplace, image, link, program):
        household = self.household(bench, workplace)
        run(*household.command("info"))
        turns.warm_programs(bench.peers, bench.binaries)
        link.reset()
        pull = timed(*household.command("pull", "--quiet", "--tls-verify=false", image))
        found = self.container(household, workplace, image, link, program, pull)
        household.end()
        return found

    def container(self, household, workplace, image, link, program, pull, name="cold"):
        """Creates a container and starts it, until it is ready; the image is there."""
        create = timed(*household.command("create", "--name", name, "--network", "none", image, *program.arguments))
        with open(workplace.path + "/container.log", "w") as log, Started(household.command("start", "--attach", name), log) as task:
            first, ready = await_ready(task, program)
            counts = link.counts()
            if program.is_service:
                run(*household.command("kill", name))
                task.process.wait(60)
            else:
                task.wait()
        return Start(pull, create, first, ready, pull + create + first + ready, counts["requests"], counts["delivered"])
