"""How systems are measured side by side: in turns, each time in a workplace of its own, from a machine that has nothing in memory but what a node has."""
import os
import subprocess

from owned import Failed, Workplace
from peer import Unavailable
from report import Series, say


def in_turns(workplace, systems, measure, runs, what=""):
    """Measures systems in turns, a Series each; one that fails once is not tried again.

    systems: anything with a name, and a variant of the image that it takes. what: said with each turn.
    """
    found = [Series(system.name) for system in systems]
    for number in range(runs):
        for system, series in zip(systems, found):
            if series.note:
                continue
            say("%s%s, %s, run %d" % (what, series.name, system.variant, number + 1))
            try:
                with Workplace(workplace) as own:
                    series.rounds.append(measure(system, own))
            except (Failed, Unavailable) as error:
                series.note = str(error)
                say("%s: %s" % (series.name, error))
    return found


def drop_caches(registry=None):
    """Forgets all that the kernel has read; but not what a registry will send, for its disk is not what is measured."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")
    if registry:
        registry.warm()


def warm_programs(peers, binaries):
    """Programs that a node has in memory, once caches were dropped: it has run containers before."""
    for program in (peers.plain_ctr, peers.ctr, peers.programs + "/containerd-shim-runc-v2", "/usr/bin/runc", binaries + "/starling", binaries + "/starlingd"):
        with open(program, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass
    for command in ([peers.plain_ctr, "--version"], [peers.ctr, "--version"], ["runc", "--version"], [binaries + "/starling", "--version"]):
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
