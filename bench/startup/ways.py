"""Ways of an image to its readiness line, cold: through containerd with a snapshotter, with podman, and by `starling run` alone.

A way has a name, the variant of the image that it takes, and `reach`, which makes one cold start and says where its time went.
"""
import os
import signal
import time
from dataclasses import dataclass

import turns
from catalog import STARTED
from owned import Failed, Started, timed
from systems import Containerd, Daemonless


@dataclass
class Start:
    """Seconds of each part, None where one command does several; what had come through the link at the readiness line."""
    pull: float | None
    create: float | None
    # Until the program's entry point has said its first word, and from there until it is ready.
    run: float
    ready: float
    seconds: float
    requests: int
    bytes: int


class ThroughContainerd(Containerd):
    def reach(self, bench, workplace, image, link, program):
        node = self.node(bench, workplace)
        turns.warm_programs(bench.peers, bench.binaries)
        link.reset()
        pull = timed(*self.pull(node, image))
        create = timed(*node.ctr_command("container", "create", "--snapshotter", node.snapshotter, image, "cold", *program.arguments))
        with open(workplace.path + "/container.log", "w") as log, Started(node.ctr_command("task", "start", "cold"), log) as task:
            run, ready = await_ready(task, program)
            counts = link.counts()
            if program.is_service:
                node.ctr("task", "kill", "--signal", "SIGKILL", "cold")
                task.process.wait(60)
            else:
                task.wait()
        return Start(pull, create, run, ready, pull + create + run + ready, counts["requests"], counts["delivered"])


class WithoutDaemon(Daemonless):
    """`starling run`: pull and create are part of it."""

    def reach(self, bench, workplace, image, link, program):
        turns.warm_programs(bench.peers, bench.binaries)
        link.reset()
        command = self.command(bench, workplace, image, program.arguments)
        # As a container of containerd's has it, so that servers do not meet on the host's ports.
        command[command.index("--rm"):command.index("--rm")] = ["--network", "none"]
        with open(workplace.path + "/container.log", "w") as log, Started(command, log) as task:
            run, ready = await_ready(task, program)
            counts = link.counts()
            if program.is_service:
                end_service(task)
            else:
                task.wait()
        return Start(None, None, run, ready, run + ready, counts["requests"], counts["delivered"])


def await_ready(task, program):
    """Seconds until the first line, and from there until the readiness line."""
    first = task.first_line()
    if first != STARTED:
        raise Failed("unexpected first line: %r" % first)
    run = task.elapsed
    task.line_with(program.ready)
    return run, task.elapsed - run


def end_service(task, seconds=30):
    """Has a server end; how is its own matter."""
    task.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + seconds
    # It may be writing to the pipe.
    os.set_blocking(task.process.stdout.fileno(), False)
    while task.process.poll() is None:
        if time.monotonic() > deadline:
            raise Failed("the server has not ended %d s after SIGTERM" % seconds)
        task.process.stdout.read()
        time.sleep(0.02)
