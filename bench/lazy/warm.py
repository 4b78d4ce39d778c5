"""Warm and complete: what a container pays for having been lazy, against the same layers unpacked under overlayfs.

All systems are mounted at once and take turns; figures are the best of all rounds, for what disturbs one only ever makes it slower.
"""
import contextlib
import json
import os
import subprocess
import time

from local import read_tree
from owned import Failed, run
from report import Series, megabytes, milliseconds, ratio, say
from views import open_views

# Measured, title, and what issue 4 asks for of native mode and of FUSE mode: times what overlayfs takes.
TREE = {
    "find": ("find", 0.8, 1.2),
    "read": ("read", 0.8, 1.2),
    "find_cold": ("find, cold", 0.6, None),
    "read_cold": ("read, cold", 1.1, None),
}
# fio's options; each reads a file of 200 MB that is in the page cache.
FIO = {
    "random": ("4k random", ["--ioengine=psync", "--rw=randread", "--bs=4k", "--time_based", "--runtime=1"]),
    "sequential": ("128k seq.", ["--ioengine=psync", "--rw=read", "--bs=128k", "--time_based", "--runtime=1"]),
    # Each loop maps the file anew and faults all of it in.
    "mmap": ("mmap", ["--ioengine=mmap", "--rw=read", "--bs=4k", "--loops=10"]),
}
FIO_NATIVE, FIO_FUSE = 1.05, 1.2
# "No slower than a one-layer image", and what remains of measuring it.
MANY_LAYERS, NO_SLOWER = "split-20", 1.05


def section(bench):
    trees = {name: trees_of(bench, name) for name in bench.arguments.images}
    if "python" in trees:
        many_layers(bench, trees["python"])
    file(bench)


def trees_of(bench, name):
    with contextlib.ExitStack() as stack:
        views, missing = open_views(bench, stack, name)
        found = {view.name: Series(view.name) for view in views}
        entries = 0
        for view in views:
            # The first is the unpacked image; a container has some entries more.
            count = len(run(*walk_command(view.path)).splitlines())
            if count < entries:
                raise Failed("%s has %d entries where there are %d" % (view.name, count, entries))
            entries = entries or count
            read_tree(bench, view.path)
            view.link.reset()
        for number in range(3 * bench.runs + 2):
            say("warm, %s, round %d" % (name, number + 1))
            for view in views:
                found[view.name].rounds.append({"find": walk(view.path), "read": read_tree(bench, view.path)["seconds"]})
        for number in range(bench.runs):
            say("warm, %s, dropping caches, round %d" % (name, number + 1))
            for view in views:
                bench.drop_caches(for_registry=False)
                figures = {"find_cold": walk(view.path)}
                bench.drop_caches(for_registry=False)
                figures["read_cold"] = read_tree(bench, view.path)["seconds"]
                found[view.name].rounds.append(figures)
        fetched = {view.name: view.link.counts()["delivered"] for view in views}
    report_trees(bench, name, views, found, missing, fetched)
    return found


def walk_command(directory):
    return ["find", directory, "-xdev", "-printf", r"%s %m\n"]


def walk(directory):
    """Seconds that a walk takes."""
    started = time.monotonic()
    subprocess.run(walk_command(directory), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=600, process_group=0)
    return time.monotonic() - started


def report_trees(bench, name, views, found, missing, fetched):
    base = found[views[0].name]
    bench.report.heading("warm, %s: walking and reading all files, best of the rounds" % name)
    bench.report.rows([title for title, _, _ in TREE.values()] + ["fetched"], [
        (view.name, [milliseconds(found[view.name].best(key)) for key in TREE] + [megabytes(fetched[view.name])]) for view in views])
    bench.report.rows(["x %s" % title for title, _, _ in TREE.values()], [
        (view.name, [times(found[view.name].best(key), base.best(key)) for key in TREE]) for view in views[1:]])
    for system, reason in missing:
        bench.report.missing(system, reason)
    for view in views:
        bench.report.keep("warm", image=name, system=view.name, mode=view.mode, rounds=found[view.name].rounds, fetched=fetched[view.name])
        if not view.is_ours:
            continue
        for key, (title, native, fuse) in TREE.items():
            for mode, bound in (("native", native), ("fuse", fuse)):
                if bound and view.mode in (mode, None):
                    bench.report.at_most("%s: %s at most %.2f x (%s)" % (view.name, title, bound, mode),
                                         ratio(found[view.name].best(key), base.best(key)), bound)


def many_layers(bench, one):
    many = trees_of(bench, MANY_LAYERS)
    for name in many:
        for key in ("find", "read"):
            if name in one and name.startswith("starling"):
                bench.report.at_most("%s: %s, 20 layers no slower than one (%.2f x)" % (name, key, NO_SLOWER),
                                     ratio(many[name].best(key), one[name].best(key)), NO_SLOWER)


def file(bench):
    """fio on one file: rates, so that the base is divided by ours."""
    with contextlib.ExitStack() as stack:
        views, missing = open_views(bench, stack, "file")
        found = {view.name: Series(view.name) for view in views}
        for view in views:
            fio(view.path, FIO["sequential"][1])
        for number in range(bench.runs + 1):
            say("warm, fio, round %d" % (number + 1))
            for view in views:
                found[view.name].rounds.append({key: fio(view.path, options) for key, (_, options) in FIO.items()})
    base = found[views[0].name]
    bench.report.heading("warm, fio on a file of 200 MB, best of the rounds (a time for each MB)")
    bench.report.rows([title for title, _ in FIO.values()], [
        (view.name, ["%.0f us" % (found[view.name].best(key) * 1e12) for key in FIO]) for view in views])
    bench.report.rows(["x %s" % title for title, _ in FIO.values()], [
        (view.name, [times(found[view.name].best(key), base.best(key)) for key in FIO]) for view in views[1:]])
    for system, reason in missing:
        bench.report.missing(system, reason)
    for view in views:
        bench.report.keep("fio", system=view.name, mode=view.mode, rounds=found[view.name].rounds)
        if not view.is_ours:
            continue
        bound = FIO_FUSE if view.mode == "fuse" else FIO_NATIVE
        for key, (title, _) in FIO.items():
            bench.report.at_most("%s: %s at most %.2f x" % (view.name, title, bound), ratio(found[view.name].best(key), base.best(key)), bound)


def fio(directory, options):
    """Seconds for each byte."""
    text = run("fio", "--name=bench", "--readonly", "--invalidate=0", "--output-format=json", "--filename=" + os.path.join(directory, "srv/file"),
               *options)
    # Warnings may come before the JSON.
    return 1 / json.loads(text[text.index("{"):])["jobs"][0]["read"]["bw_bytes"]


def times(value, base):
    found = ratio(value, base)
    return "-" if found is None else "%.2f" % found
