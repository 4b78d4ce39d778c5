"""podman of Debian 13 in a root directory of its own, for its libraries are newer than Debian 12's; made once by mmdebstrap, nothing is installed.

It pulls zstd:chunked by parts where a layer's files are here already; into an empty store that is all of it.
"""
import json
import os

import inputs
import turns
from owned import Failed, Started, mount, run, timed, unmount_below
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
    """podman with a store of its own, below a workplace, in a chroot that ends with it."""

    def __init__(self, podman, workplace):
        self.root = workplace.path + "/podman"
        os.mkdir(self.root)
        run("mount", "--bind", podman.root(), self.root)
        for name, target in (("graph", "/var/lib/containers"), ("run", "/run"), ("tmp", "/tmp"), ("etc", "/etc/containers")):
            place = "%s/podman-%s" % (workplace.path, name)
            os.mkdir(place)
            os.makedirs(self.root + target, exist_ok=True)
            run("mount", "--bind", place, self.root + target)
        mount("proc", "proc", self.root + "/proc")
        run("mount", "--rbind", "/sys", self.root + "/sys")
        run("mount", "--rbind", "/dev", self.root + "/dev")
        for name, text in (("storage.conf", STORAGE), ("policy.json", json.dumps({"default": [{"type": "insecureAcceptAnything"}]})),
                           ("containers.conf", '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\nruntime = "runc"\n'
                                               '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n')):
            with open(self.root + "/etc/containers/" + name, "w") as file:
                file.write(text)

    def command(self, *words):
        return ["chroot", self.root, "podman", *words]

    def end(self):
        run(*self.command("rm", "--all", "--force", "--time", "0"))
        unmount_below(self.root)


class WithPodman:
    """podman pull, create and start --attach."""

    def __init__(self, name, variant):
        self.name, self.variant = name, variant

    def reach(self, bench, workplace, image, link, program):
        household = Household(bench.podman, workplace)
        run(*household.command("info"))
        turns.warm_programs(bench.peers, bench.binaries)
        link.reset()
        pull = timed(*household.command("pull", "--quiet", "--tls-verify=false", image))
        create = timed(*household.command("create", "--name", "cold", "--network", "none", image, *program.arguments))
        with open(workplace.path + "/container.log", "w") as log, Started(household.command("start", "--attach", "cold"), log) as task:
            run_, ready = await_ready(task, program)
            counts = link.counts()
            if program.is_service:
                run(*household.command("kill", "cold"))
                task.process.wait(60)
            else:
                task.wait()
        household.end()
        return Start(pull, create, run_, ready, pull + create + run_ + ready, counts["requests"], counts["delivered"])
