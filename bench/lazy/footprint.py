"""What a lazy image takes: disk, bytes that were here already, memory, and an idle daemon's time."""
import gzip
import io
import json
import os
import tarfile
import time

import inputs
import measure
import owned
from images import unpack
from local import read_tree
from network import Link
from owned import Failed, Workplace, descendants, run
from report import Series, megabytes, milliseconds, ratio
from snapshots import Snapshotter
from systems import Containerd, ReferenceDaemon, StarlingDaemon, pull_as_starling

# Disk after a complete fetch, to the content; bytes fetched, to those that were not here.
MOST_DISK, MOST_FETCHED = 1.05, 1.05
# 100,000 files: a third of the reference's time; memory.
MOUNT_TIME, MOUNT_BYTES, FIND_BYTES = 1 / 3, 25 << 20, 1 << 20
IDLE_LAYERS, IDLE_SECONDS, IDLE_RSS, IDLE_CPU = 10, 10, 60_000_000, 0.010


def size(bench):
    disk(bench)
    sharing(bench)


def attempts(bench, systems, attempt):
    """One attempt of each system: (name, figures or None, note)."""
    return [(series.name, series.rounds[0] if series.rounds else None, series.note)
            for series in bench.in_turns(systems, attempt, runs=1)]


def ours(bench):
    return Containerd("starlingd", "lazy", pull_as_starling, lambda: StarlingDaemon(bench.binaries))


def allocated(directory):
    """Bytes on disk of the files below a directory, each inode once; what is mounted in there is not on this disk."""
    found, device = {}, os.lstat(directory).st_dev
    for parent, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if os.lstat(os.path.join(parent, name)).st_dev == device]
        for name in names:
            try:
                status = os.lstat(os.path.join(parent, name))
            except FileNotFoundError:
                continue
            if status.st_dev == device:
                found[status.st_ino] = status.st_blocks * 512
    return sum(found.values())


def settled(look, seconds=3, deadline=120):
    """A figure that has not changed for some seconds: what goes on in the background has ended."""
    value, since, end = look(), time.monotonic(), time.monotonic() + deadline
    while time.monotonic() - since < seconds:
        if time.monotonic() > end:
            raise Failed("still changing after %d s" % deadline)
        time.sleep(0.2)
        now = look()
        if now != value:
            value, since = now, time.monotonic()
    return value


def disk(bench):
    with Workplace(bench.workplace) as workplace:
        directory = os.path.join(workplace.path, "unpacked")
        os.mkdir(directory)
        unpack(bench.images.layout("python"), directory)
        content = allocated(directory)
    systems = [ours(bench), *([bench.reference("reference")] if bench.peers.daemon else [])]

    def attempt(system, workplace):
        node = system.node(bench, workplace)
        image = "%s/%s" % (bench.registry.address, bench.push("python", system.variant))
        run(*system.pull(node, image))
        read_tree(bench, node.mount(image, "mounted"))
        return {"bytes": settled(lambda: allocated(node.daemon.root))}

    found = attempts(bench, systems, attempt)
    bench.report.heading("size, python: disk after every file was read; the unpacked tree takes %s" % megabytes(content))
    bench.report.rows(["disk", "x content"], [
        (name, [megabytes(figures["bytes"]), "%.2f" % (figures["bytes"] / content)]) for name, figures, _ in found if figures])
    conclude(bench, "disk", found, content=content)
    figures = found[0][1]
    bench.report.at_most("disk at most %.2f x the content" % MOST_DISK, figures and figures["bytes"] / content, MOST_DISK)


def conclude(bench, kind, found, **more):
    for name, figures, note in found:
        if note:
            bench.report.missing(name, note)
        bench.report.keep(kind, system=name, figures=figures, note=note, **more)


class Sharing:
    """A first image that is here completely, and a second one."""

    variant = "lazy"

    def __init__(self, title, second):
        self.name, self.second = title, second


def sharing(bench):
    systems = [Sharing("the same layer below", "file"), Sharing("the same files in other layers", "science")]

    def attempt(system, workplace):
        link = Link(workplace, bench.registry, 0, 0)
        ours_ = ours(bench)
        node = ours_.node(bench, workplace)
        for name in ("python", system.second):
            link.reset()
            image = "%s/%s" % (link.address, bench.push(name, "lazy"))
            run(*ours_.pull(node, image))
            read_tree(bench, node.mount(image, name))
            settled(lambda: link.counts()["delivered"])
        fetched = link.counts()["delivered"]
        return {"bytes": fetched, "new": new_bytes(bench.layout_of("python", "lazy"), bench.layout_of(system.second, "lazy"))}

    found = attempts(bench, systems, attempt)
    bench.report.heading("size: a second image after python, all of it read; bytes fetched, and bytes of it that were not here (with its TOCs)")
    bench.report.rows(["fetched", "new"], [
        (name, [megabytes(figures["bytes"]), megabytes(figures["new"])]) for name, figures, _ in found if figures])
    conclude(bench, "sharing", found)
    for name, figures, _ in found:
        bench.report.at_most("%s: at most %.2f x what is new" % (name, MOST_FETCHED),
                             figures and figures["bytes"] / figures["new"], MOST_FETCHED)


def chunks_of(blob):
    """Compressed bytes of each chunk of an eStargz layer by digest, and bytes of its TOC and footer."""
    with open(blob, "rb") as file:
        size = os.path.getsize(blob)
        file.seek(size - 51)
        start = int(file.read()[16:32], 16)
        file.seek(start)
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(file.read(size - start))), mode="r|") as tar:
            toc = json.load(tar.extractfile(tar.next()))
    entries = [entry for entry in toc["entries"] if entry.get("offset") and entry.get("chunkDigest")]
    ends = sorted({entry["offset"] for entry in entries} | {start})
    following = dict(zip(ends, ends[1:]))
    return {entry["chunkDigest"]: following[entry["offset"]] - entry["offset"] for entry in entries}, size - start


def new_bytes(first, second):
    """Compressed bytes of the second image that the first has not: its new chunks, and TOCs of layers that it does not share."""
    known, layers = {}, set()
    for layer in inputs.manifest(first)["layers"]:
        known.update(chunks_of(inputs.blob(first, layer["digest"]))[0])
        layers.add(layer["digest"])
    total = 0
    for layer in inputs.manifest(second)["layers"]:
        if layer["digest"] in layers:
            continue
        chunks, toc = chunks_of(inputs.blob(second, layer["digest"]))
        total += toc + sum(size for digest, size in chunks.items() if digest not in known)
        known.update(chunks)
    return total


class Daemon:
    """A snapshotter daemon alone, its client is this bench."""

    variant = "lazy"

    def __init__(self, name, make):
        self.name, self.make = name, make


def memory(process, key):
    """Bytes of a field of /proc/PID/status, of a daemon and what it has started."""
    total = 0
    for each in [process, *descendants(process)]:
        with open("/proc/%d/status" % each) as file:
            total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith(key + ":"))
    return total


def many_files(bench):
    layout = bench.layout_of("small-files", "lazy")
    image = "%s/%s" % (bench.registry.address, bench.push("small-files", "lazy"))
    layer = inputs.manifest(layout)["layers"][0]
    labels = {**layer["annotations"], "containerd.io/snapshot.ref": "layer", "containerd.io/snapshot/remote/stargz.reference": image,
              "containerd.io/snapshot/remote/stargz.digest": layer["digest"], "containerd.io/snapshot/remote/stargz.layers": layer["digest"],
              "containerd.io/snapshot/cri.image-ref": image, "containerd.io/snapshot/cri.layer-digest": layer["digest"],
              "containerd.io/snapshot/cri.image-layers": layer["digest"]}
    systems = [Daemon("starlingd", lambda: StarlingDaemon(bench.binaries))]
    if bench.peers.daemon:
        systems.append(Daemon("reference", lambda: ReferenceDaemon(bench.peers)))

    def attempt(system, workplace):
        daemon = system.make()
        daemon.start(workplace)
        with Snapshotter(daemon.socket) as snapshotter:
            snapshotter.prepare("first", "")
            before = memory(daemon.process.pid, "RssAnon")
            seconds = snapshotter.prepare_layer("layer-key", "", labels)
            mounted = memory(daemon.process.pid, "RssAnon")
            directory = os.path.join(workplace.path, "mounted")
            os.mkdir(directory)
            for kind, source, options in snapshotter.prepare("container", "layer"):
                owned.mount(kind, source, directory, options)
            lines = run("find", directory, "-xdev", "-printf", r"%s %m\n").count("\n")
            if lines < 100_000:
                raise Failed("only %d files in the mounted tree" % lines)
            return {"seconds": seconds, "mount": mounted - before, "find": memory(daemon.process.pid, "RssAnon") - mounted,
                    "rss": memory(daemon.process.pid, "VmRSS")}

    found = bench.in_turns(systems, attempt)
    bench.report.heading("files: 100,000 of them; Prepare of the layer, until its tree is mounted; the daemon's anonymous memory")
    bench.report.rows(["Prepare", "+ mount", "+ find", "RSS then"], [
        (series.name, [milliseconds(series.median("seconds")), *(megabytes(series.median(key)) for key in ("mount", "find", "rss"))])
        for series in found if series.rounds])
    for series in found:
        if series.note:
            bench.report.missing(series.name, series.note)
        bench.report.keep("files", system=series.name, rounds=series.rounds, note=series.note)
    mine, theirs = found[0], found[1] if len(found) > 1 else Series("none")
    bench.report.at_most("Prepare at most a third of the reference's", ratio(mine.median("seconds"), theirs.median("seconds")), MOUNT_TIME)
    bench.report.at_most("memory on mount at most %s" % megabytes(MOUNT_BYTES), mine.median("mount"), MOUNT_BYTES, "%d")
    bench.report.at_most("memory on find: nothing more (%s)" % megabytes(FIND_BYTES), mine.median("find"), FIND_BYTES, "%d")


def idle(bench):
    systems = [ours(bench), *([bench.reference("lazy")] if bench.peers.daemon else [])]

    def attempt(system, workplace):
        node = system.node(bench, workplace)
        name = "split-%d" % IDLE_LAYERS
        image = "%s/%s" % (bench.registry.address, bench.push(name, system.variant))
        run(*system.pull(node, image))
        node.mount(image, "mounted")
        daemon = node.daemon.process.pid
        settled(lambda: allocated(node.daemon.root))
        before = running_time(daemon)
        time.sleep(IDLE_SECONDS)
        return {"rss": memory(daemon, "VmRSS"), "cpu": running_time(daemon) - before}

    found = attempts(bench, systems, attempt)
    bench.report.heading("idle: a daemon with %d layers mounted that does nothing, for %d s" % (IDLE_LAYERS, IDLE_SECONDS))
    bench.report.rows(["RSS", "CPU"], [
        (name, [megabytes(figures["rss"]), milliseconds(figures["cpu"])]) for name, figures, _ in found if figures])
    conclude(bench, "idle", found)
    figures = found[0][1]
    bench.report.at_most("RSS under %s" % megabytes(IDLE_RSS), figures and figures["rss"], IDLE_RSS, "%d")
    bench.report.at_most("no CPU (at most %s)" % milliseconds(IDLE_CPU), figures and figures["cpu"], IDLE_CPU, "%.4f")


def running_time(daemon):
    """CPU seconds of a daemon and of what it has started, threads that have ended included; the kernel counts hundredths."""
    return sum(measure.cpu_of(process) for process in [daemon, *descendants(daemon)])
