"""Complete images, mounted as a container has them, all at once: a directory for each system, to be measured in turns."""
import os
import time
from dataclasses import dataclass

from images import PROGRAMS
from local import read_tree, same_content
from network import Link
from owned import Failed, Started, Workplace, descendants, run
from peer import Unavailable
from report import say
from systems import Containerd, Daemonless, StarlingDaemon, pull_as_starling, pull_plainly

# A container that does nothing until it is asked to end.
IDLE = ["sh", "-c", 'trap "exit 0" TERM; echo started; sleep infinity & wait']


@dataclass
class View:
    name: str
    # Of ours, where it can be chosen.
    mode: str | None
    path: str
    link: Link

    @property
    def is_ours(self):
        return self.name.startswith("starling")


def open_views(bench, stack, name):
    """Views of an image, and the reasons for those that there are not. They end with the stack."""
    views, missing, there = [], [], {}
    for system, mode in systems(bench, name):
        try:
            views.append(open_view(bench, stack, system, mode, name, there))
        except (Failed, Unavailable) as error:
            say("%s: %s" % (system.name, error))
            missing.append((system.name, str(error)))
    if not bench.peers.daemon:
        missing.append(("reference", bench.peers.no_daemon))
    return views, missing


def systems(bench, name):
    found = [(Containerd("overlayfs, unpacked", "plain", pull_plainly), None)]
    for mode in bench.modes:
        words = ", " + mode if mode else ""
        found.append((Containerd("starlingd" + words, "lazy", pull_as_starling, lambda mode=mode: StarlingDaemon(bench.binaries, mode)), mode))
    for mode in bench.modes if bench.runs_in_mode() else [None]:
        found.append((Daemonless("starling run" + (", " + mode if mode else ""), "lazy", mode), mode))
    if bench.peers.daemon:
        found.append((bench.reference("reference" if name in PROGRAMS else "lazy"), None))
    return found


def open_view(bench, stack, system, mode, name, there):
    """there: what the first view, of the unpacked image, has; the others must have the same."""
    say("%s: fetching all of %s" % (system.name, name))
    workplace = stack.enter_context(Workplace(bench.workplace))
    link = Link(workplace, bench.registry, 0, 0)
    image = "%s/%s" % (link.address, bench.push(name, system.variant))
    if isinstance(system, Daemonless):
        with idle_container(bench, workplace, system, image) as container:
            # It has some more files, those that a runtime adds; nothing can be said of their number.
            read_tree(bench, container.root)
        container = stack.enter_context(idle_container(bench, workplace, system, image))
        return View(system.name, mode, container.root, link)
    node = system.node(bench, workplace)
    run(*system.pull(node, image))
    first = node.mount(image, "first")
    figures = read_tree(bench, first)
    same_content(figures, there or figures)
    there.update(figures)
    # A layer that has become complete is served as such from the next mount on.
    node.unmount(first)
    return View(system.name, mode, node.mount(image, "complete"), link)


class idle_container(Started):
    """A container of `starling run`; root is its root directory as seen from here."""

    def __init__(self, bench, workplace, system, image):
        self.container_log = open(os.path.join(workplace.path, "container.log"), "w")
        super().__init__(system.command(bench, workplace, image, IDLE), self.container_log)

    def __enter__(self):
        try:
            self.first_line()
            # With the slash, it is the directory and not the link to it.
            self.root = "/proc/%d/root/" % self.idle_process()
        except BaseException:
            self.__exit__()
            raise
        return self

    def idle_process(self, seconds=10):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for process in descendants(self.process.pid):
                with open("/proc/%d/cmdline" % process, "rb") as file:
                    if file.read() == b"sleep\0infinity\0":
                        return process
            time.sleep(0.02)
        raise Failed("the container of starling run is not found among its processes")

    def __exit__(self, *_):
        super().__exit__()
        self.container_log.close()
