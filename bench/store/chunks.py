"""What the store itself costs, all of an image here: verifying every chunk, removing it all, and disk; against sha256sum, rm and an unpacked tree."""
import os
import time

import turns
from catalog import BY_NAME
from footprint import allocated
from images import unpack
from network import in_memory
from owned import Workplace, run, timed
from report import Series, megabytes, ratio, seconds
from variants import Variants

IMAGE = "python3"


def section(bench):
    with Workplace(bench.workplace) as workplace:
        program = BY_NAME[IMAGE]
        layout = bench.layers.compose(program, workplace.path + "/layout")
        variants = Variants(bench, workplace, in_memory(workplace), program, layout)
        image = variants.at(variants.name("estargz"))
        ours, theirs = Series("starling store"), Series("unpacked directory")
        for number in range(bench.arguments.runs):
            for series, measure in ((theirs, unpacked), (ours, stored)):
                with Workplace(workplace) as own:
                    series.rounds.append(measure(bench, own, layout, image))
    bench.report.heading("chunks, %s: all of an image here; cold caches for reading" % IMAGE)
    keys = ("fetch", "verify", "remove")
    bench.report.rows([*keys, "disk"], [(series.name, [*(seconds(series.median(key)) for key in keys), megabytes(series.median("disk"))])
                                        for series in (theirs, ours)])
    bench.report.rows(["x " + key for key in (*keys, "disk")], [(ours.name, [
        "%.2f" % ratio(ours.median(key), theirs.median(key)) for key in (*keys, "disk")])])
    for series in (theirs, ours):
        bench.report.keep("chunks", image=IMAGE, system=series.name, rounds=series.rounds)


def stored(bench, workplace, layout, image):
    """Fetched from loopback, verified by its own command, removed by its own."""
    root, starling = workplace.path + "/root", bench.binaries + "/starling"
    fetch = timed(starling, "pull", "--plain-http", "--complete", "--root", root, image)
    disk = allocated(root)
    turns.drop_caches()
    verify = timed(starling, "cache", "verify", "--root", root)
    run(starling, "rmi", "--root", root, image)
    remove = timed(starling, "cache", "prune", "--root", root)
    return {"fetch": fetch, "verify": verify, "remove": remove, "disk": disk}


def unpacked(bench, workplace, layout, image):
    """The same layers unpacked by tar from a layout that is here, every file through sha256sum, and rm."""
    tree = workplace.path + "/tree"
    os.mkdir(tree)
    fetch = timed_unpack(layout, tree)
    disk = allocated(tree)
    turns.drop_caches()
    verify = timed("sh", "-c", "find %s -type f -print0 | xargs -0 sha256sum" % tree, is_quiet=True)
    remove = timed("rm", "-rf", tree)
    return {"fetch": fetch, "verify": verify, "remove": remove, "disk": disk}


def timed_unpack(layout, tree):
    began = time.monotonic()
    unpack(layout, tree)
    return time.monotonic() - began
