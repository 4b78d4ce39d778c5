"""The first read of every file when the registry is on loopback: what the lazy path itself costs, against a directory of ext4."""
import os

from images import unpack
from owned import Failed, run
from report import ratio, seconds, whole

IMAGE, MOST = "python", 3


class Native:
    name, variant = "ext4 directory, cold", "plain"


def section(bench):
    """Reads of the same tree must find the same files and bytes; one that does not is no figure."""
    plain = bench.images.layout(IMAGE)
    directory = os.path.join(bench.workplace.path, "unpacked")
    os.mkdir(directory)
    unpack(plain, directory)
    # Ours through either client is the same from here on.
    ours = bench.ways("lazy", with_daemonless=False)[-1:]
    systems = [Native, *ours, *([bench.reference("reference")] if bench.peers.daemon else [])]
    there = {}
    images = {system.variant: "%s/%s" % (bench.registry.address, bench.push(IMAGE, system.variant)) for system in systems}

    def measure(system, workplace):
        bench.drop_caches()
        if system is Native:
            there.update(read_tree(bench, directory))
            return dict(there)
        node = system.node(bench, workplace)
        bench.warm_programs()
        run(*system.pull(node, images[system.variant]))
        return same_content(read_tree(bench, node.mount(images[system.variant], "mounted")), there)

    found = bench.in_turns(systems, measure)
    bench.report.heading("loopback, %s: the first read of every file" % IMAGE)
    bench.report.rows(["time", "files", "x ext4"], [
        (series.name, [seconds(series.median("seconds")), whole(series.median("files")),
                       "%.1f" % ratio(series.median("seconds"), found[0].median("seconds"))]) for series in found if series.rounds])
    for series in found:
        if series.note:
            bench.report.missing(series.name, series.note)
        bench.report.keep("loopback", system=series.name, rounds=series.rounds, note=series.note)
    bench.report.at_most("%s: at most %d x ext4" % (found[1].name, MOST), ratio(found[1].median("seconds"), found[0].median("seconds")), MOST)


def read_tree(bench, directory):
    """Reads every file below a directory; seconds, and what there was."""
    nanoseconds, files, count = map(int, run(bench.read_tree, directory).split())
    return {"seconds": nanoseconds / 1e9, "files": files, "bytes": count}


def same_content(figures, there):
    """The figures, when they are of as many files and bytes as there are."""
    for key in ("files", "bytes"):
        if figures[key] != there[key]:
            raise Failed("%d %s read where there are %d" % (figures[key], key, there[key]))
    return figures
