"""`starling run` and `starling optimize`: a warm start against the OCI runtime alone, fifty containers at once, and what an optimized start reads.

Baselines: `runc run` of the same image unpacked; one container of the image. The recorded variant is made here, by `starling optimize`.
"""
import json
import os
import re
import subprocess
import time
from dataclasses import asdict

from images import PROGRAMS, unpack
from network import Link
from owned import Failed, Workplace, run
from report import Series, megabytes, milliseconds, ratio, seconds, whole
from systems import Containerd, Daemonless, StarlingDaemon, pull_as_starling

# What issue 6 asks for: milliseconds over the runtime alone; the part of prefetched bytes that is read; the bytes of all to those of one. And what
# each further container may add to the page cache, of what the first one does: its upper directory, and pages of tmpfs.
MOST_OVER, LEAST_READ, MOST_FETCHED, MOST_ADDED = 0.030, 0.90, 1.05, 0.05
CROWD = 50


def section(bench):
    warm(bench)
    for name in bench.arguments.images:
        recorded(bench, name)
    crowd(bench)


def warm(bench):
    """A program that does nothing, from an image that is complete."""
    image = "%s/%s" % (bench.registry.address, bench.push("python", "lazy"))
    with Workplace(bench.workplace) as workplace:
        store = ["--plain-http", "--root", workplace.path + "/store"]
        command = [bench.binaries + "/starling", "run", "--rm", *store, image]
        run(bench.binaries + "/starling", "pull", "--complete", *store, image, seconds=300)
        bundle = unpacked_bundle(bench, workplace)
        filtered = with_filter(bench, workplace, store, image, bundle)
        commands = {
            "runc run, unpacked": ["runc", "run", "--bundle", bundle, "bench"],
            "the same, with docker's filter of system calls": ["runc", "run", "--bundle", filtered, "bench"],
            "starling run": [*command, "/bin/true"],
            "starling run --runtime runc": [*command[:3], "--runtime", "runc", *command[3:], "/bin/true"],
        }
        found = {name: Series(name) for name in commands}
        # Long enough for the filter to be kept that crun has compiled.
        run(*command, "/bin/sleep", "0.5", seconds=60)
        for number in range(10 * bench.runs):
            for name, words in commands.items():
                found[name].rounds.append({"seconds": timed(words)})
    plain, same, ours, _ = found.values()
    bench.report.heading("warm: /bin/true, from the command to its end; medians of %d in turns" % len(ours.rounds))
    bench.report.rows(["time"], [(series.name, [milliseconds(series.median("seconds"))]) for series in found.values()])
    for series, words in ((plain, "the runtime alone"), (same, "the runtime with the same filter")):
        over = ours.median("seconds") - series.median("seconds")
        bench.report.at_most("starling run, warm: at most 30 ms over %s" % words, over, MOST_OVER, "%.3f s")
    for series in found.values():
        bench.report.keep("runtime-warm", system=series.name, rounds=series.rounds, note=series.note)


def unpacked_bundle(bench, workplace):
    """The image unpacked, with the configuration that the runtime itself proposes."""
    bundle = workplace.path + "/bundle"
    os.makedirs(bundle + "/rootfs")
    unpack(bench.images.layout("python"), bundle + "/rootfs")
    run("runc", "spec", "--bundle", bundle)
    with open(bundle + "/config.json") as file:
        configuration = json.load(file)
    configuration["process"]["terminal"] = False
    configuration["process"]["args"] = ["/bin/true"]
    with open(bundle + "/config.json", "w") as file:
        json.dump(configuration, file)
    return bundle


def with_filter(bench, workplace, store, image, bundle):
    """A bundle like another, with the filter that `starling run` asks for."""
    name = "bench-filter"
    run(bench.binaries + "/starling", "run", "-d", "--name", name, *store, image, "/bin/sleep", "60", seconds=60)
    with open(os.path.join(workplace.path, "store/names", name, "config.json")) as file:
        seccomp = json.load(file)["linux"]["seccomp"]
    run(bench.binaries + "/starling", "rm", "-f", "--root", workplace.path + "/store", name, seconds=60)
    with open(bundle + "/config.json") as file:
        configuration = json.load(file)
    configuration["linux"]["seccomp"] = seccomp
    configuration["root"]["path"] = bundle + "/rootfs"
    filtered = workplace.path + "/filtered"
    os.makedirs(filtered)
    with open(filtered + "/config.json", "w") as file:
        json.dump(configuration, file)
    return filtered


def timed(command):
    start = time.monotonic()
    run(*command, seconds=60)
    return time.monotonic() - start


def recorded(bench, name):
    """The optimizer's own record: time and bytes of the next start, over a slow link, beside files recorded as a whole; and what was fetched for nothing."""
    link = Link(bench.workplace, bench.registry, 40, 100)
    variants = {variant: "%s/%s" % (link.address, bench.push(name, variant)) for variant in ("lazy", "whole", "recorded")}
    command, expected = PROGRAMS[name]
    systems = [Daemonless("starling run", variant) for variant in variants]

    def measure(system, workplace):
        bench.drop_caches()
        return asdict(system.start(bench, workplace, variants[system.variant], link, command, expected))

    found = bench.in_turns(systems, measure)
    bench.report.heading("optimized by `starling optimize`, %s; %s; until the first line of output" % (name, link.name))
    bench.report.rows(["time", "requests", "bytes"], [
        ({"lazy": "not optimized", "whole": "files as a whole (--whole-files)", "recorded": "what was read"}[system.variant],
         [seconds(series.median("seconds")), whole(series.median("requests")), megabytes(series.median("bytes"))])
        for system, series in zip(systems, found) if series.rounds])
    for system, series in zip(systems, found):
        if series.note:
            bench.report.missing(system.variant, series.note)
        bench.report.keep("runtime-recorded", image=name, system=system.name, variant=system.variant, rounds=series.rounds, note=series.note)
    waste(bench, name, variants["recorded"], command)


def waste(bench, name, image, command):
    with Workplace(bench.workplace) as workplace:
        trace = workplace.path + "/trace.json"
        result = subprocess.run(
            [bench.binaries + "/starling", "run", "--rm", "--plain-http", "--no-background-fetch", "--why", "--trace", trace, "--root",
             workplace.path + "/store", image, *command], capture_output=True, text=True, timeout=120)
        with open(trace) as file:
            misses = sum(event.get("cat") in ("miss", "failed", "retried") for event in json.load(file)["traceEvents"])
    found = re.search(r"(\d+) of (\d+) reads waited; came ahead: ([\d.]+) (\w+) read, ([\d.]+) (\w+) not", result.stderr)
    if not found:
        return bench.report.missing("%s: what came ahead" % name, (result.stderr.strip().splitlines() or ["nothing was said"])[-1])
    waited, read, ahead = int(found[1]), size(found[3], found[4]), size(found[5], found[6])
    bench.report.at_least("%s: of what was prefetched, at least 90 %% is read" % name, ratio(read, read + ahead), LEAST_READ, "%.3f")
    bench.report.at_most("%s: reads of the recorded workload that missed (%d found their bytes on their way)" % (name, waited - misses), misses, 0,
                         "%d")
    bench.report.keep("runtime-waste", image=name, waited=waited, misses=misses, reads=int(found[2]), read=read, waste=ahead)


def size(number, unit):
    return float(number) * {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}[unit]


def crowd(bench):
    """Fifty containers of one image at once, none of it here: by the daemon, and without one."""
    link = Link(bench.workplace, bench.registry, 40, 100)
    image = "%s/%s" % (link.address, bench.push("python", "recorded"))
    bench.report.heading("%d containers of one image at once, cold; %s" % (CROWD, link.name))
    rows = []
    for title, together in (("starlingd", by_daemon), ("starling run", without)):
        one, many = (attempt(bench, link, image, together, count) for count in (1, CROWD))
        rows.append((title, [seconds(many["seconds"]), whole(many["requests"]), megabytes(many["bytes"]), megabytes(one["bytes"]),
                             megabytes(many["cached"]), megabytes(one["cached"])]))
        bench.report.at_most("%s: bytes of %d to those of one" % (title, CROWD), ratio(many["bytes"], one["bytes"]), MOST_FETCHED)
        bench.report.at_most("%s: cached file data that each further one adds, to that of the first" % title,
                             ratio((many["cached"] - one["cached"]) / (CROWD - 1), one["cached"]), MOST_ADDED)
        bench.report.keep("runtime-crowd", system=title, one=one, many=many)
    bench.report.rows(["until all run", "requests", "bytes", "of one", "cached", "of one"], rows)


def attempt(bench, link, image, together, count):
    with Workplace(bench.workplace) as workplace:
        return together(bench, workplace, link, image, count)


def cached():
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("Cached:"))


# Says that it runs, and stays until its standard input ends.
PROGRAM = ["python3", "-c", 'import sys; print("running", flush=True); sys.stdin.read()']


def watch(bench, link, commands, prepare=lambda: None):
    """Starts all, waits until each has said that it runs, looks, and ends them."""
    bench.drop_caches()
    bench.warm_programs()
    link.reset()
    prepare()
    before, start = cached(), time.monotonic()
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                 for command in commands]
    for process in processes:
        if process.stdout.readline() != "running\n":
            raise Failed(process.stderr.read().strip().splitlines()[-1:] or ["no output"])
    elapsed = time.monotonic() - start
    # What programs read between their output and their wait is part of what is compared: the first of many have read it when the last one speaks.
    time.sleep(1)
    counts, grown = link.counts(), cached() - before
    for process in processes:
        process.communicate(timeout=120)
    return {"seconds": elapsed, "requests": counts["requests"], "bytes": counts["delivered"], "cached": grown}


def without(bench, workplace, link, image, count):
    command = [bench.binaries + "/starling", "run", "--rm", "-i", "--plain-http", "--no-background-fetch", "--root", workplace.path + "/store",
               image, *PROGRAM]
    return watch(bench, link, [command] * count)


def by_daemon(bench, workplace, link, image, count):
    # What it would fetch to complete the layer is nobody's start, and the longer all take, the more of it there is.
    system = Containerd("starlingd", "recorded", pull_as_starling, lambda: StarlingDaemon(bench.binaries, completes=False))
    node = system.node(bench, workplace)
    commands = [node.ctr_command("run", "--rm", "--snapshotter", node.snapshotter, image, "crowd-%d" % number, *PROGRAM) for number in range(count)]
    return watch(bench, link, commands, lambda: run(*pull_as_starling(node, image)))
