"""Warm and complete: what a container pays for having been lazy, against the same layers unpacked under overlayfs.

All systems are mounted at once and take turns; figures are the best of all rounds, for what disturbs one only ever makes it slower.
"""
import contextlib
import dataclasses
import json
import os

from local import read_tree
from owned import Failed, run, timed
from report import Series, megabytes, milliseconds, ratio, say
from views import open_views

# Measured, title, and what issue 4 asks for of native mode and of FUSE mode: times what overlayfs takes.
TREE = {
    "find": ("find", 0.8, 1.2),
    "read": ("read", 0.8, 1.2),
    "find_cold": ("find, cold", 0.6, None),
    "read_cold": ("read, cold", 1.1, None),
}
# fio's options; each reads a file of 200 MB that is in the page cache, into which each round reads it anew: where its pages lie and how many of them
# are one is luck, and must not be one system's for all rounds.
FIO = {
    "random": ("4k random", ["--ioengine=psync", "--rw=randread", "--bs=4k", "--time_based", "--runtime=1"]),
    "sequential": ("128k seq.", ["--ioengine=psync", "--rw=read", "--bs=128k", "--time_based", "--runtime=1"]),
    # Each loop maps the file anew and faults all of it in.
    "mmap": ("mmap", ["--ioengine=mmap", "--rw=read", "--bs=4k", "--loops=10"]),
}
FIO_NATIVE, FIO_FUSE = 1.05, 1.2
# Warm walks take a tenth of a second, in which a neighbour on the machine may take a third: the best of many is steady.
WALKS = 10
# "No slower than a one-layer image", and what remains of measuring it.
ONE_LAYER, MANY_LAYERS, NO_SLOWER = "python", "split-20", 1.05


def section(bench):
    for name in bench.arguments.images:
        trees_of(bench, name)
    many_layers(bench)
    file(bench)


def trees_of(bench, name):
    """Measures walks and reads of an image in all views of it."""
    with contextlib.ExitStack() as stack:
        views, missing = open_views(bench, stack, name)
        found = {view.name: Series(view.name) for view in views}
        entries = []

        def touch(view):
            """All of it, so that what follows is warm; and whether it is there."""
            entries.append(len(run(*walk_command(view.path)).splitlines()))
            # The first is the unpacked image. A container hides some of its entries, those in /dev, and adds a few.
            if entries[-1] < 0.99 * entries[0]:
                raise Failed("%d entries found where there are %d" % (entries[-1], entries[0]))
            read_tree(bench, view.path)
            view.link.reset()

        def cold(view):
            bench.drop_caches(for_registry=False)
            figures = {"find_cold": walk(view.path)}
            bench.drop_caches(for_registry=False)
            return {**figures, "read_cold": read_tree(bench, view.path)["seconds"]}

        in_rounds("first touch of " + name, 1, views, found, touch)
        in_rounds("warm, " + name, WALKS * bench.runs, views, found, lambda view: walk_and_read(bench, view))
        in_rounds("dropping caches, " + name, bench.runs, views, found, cold)
        fetched = {view.name: view.link.counts()["delivered"] for view in views}
    report_trees(bench, name, views, found, missing, fetched)


def in_rounds(what, count, views, found, measure):
    """Measures all views in turns; one that fails is left out from then on, and says why."""
    for number in range(count):
        say("%s, round %d" % (what, number + 1))
        for view in views:
            series = found[view.name]
            if series.note:
                continue
            try:
                series.rounds.append(measure(view) or {})
            except Failed as error:
                series.note = str(error)
                say("%s: %s" % (view.name, error))


def walk_command(directory):
    return ["find", directory, "-xdev", "-printf", r"%s %m\n"]


def walk(directory):
    """Seconds that a walk takes."""
    return timed(*walk_command(directory), is_quiet=True)


def report_trees(bench, name, views, found, missing, fetched):
    base = found[views[0].name]
    bench.report.heading("warm, %s: walking and reading all files, best of the rounds" % name)
    bench.report.rows([title for title, _, _ in TREE.values()] + ["fetched"], [
        (view.name, [milliseconds(found[view.name].best(key)) for key in TREE] + [megabytes(fetched[view.name])]) for view in views])
    bench.report.rows(["x %s" % title for title, _, _ in TREE.values()], [
        (view.name, [times(found[view.name].best(key), base.best(key)) for key in TREE]) for view in views[1:]])
    explain(bench, views, found, missing)
    for view in views:
        bench.report.keep("warm", image=name, system=view.name, mode=view.mode, rounds=found[view.name].rounds, fetched=fetched[view.name])
        if not view.is_ours:
            continue
        for key, (title, native, fuse) in TREE.items():
            for mode, bound in (("native", native), ("fuse", fuse)):
                if bound and view.mode in (mode, None):
                    bench.report.at_most("%s: %s at most %.2f x (%s)" % (view.name, title, bound, mode),
                                         ratio(found[view.name].best(key), base.best(key)), bound)


def many_layers(bench):
    """The same tree in one layer and in many, in the same rounds."""
    with contextlib.ExitStack() as stack:
        views, missing = [], []
        for name in (ONE_LAYER, MANY_LAYERS):
            more, reasons = open_views(bench, stack, name)
            views += [dataclasses.replace(view, name="%s, %s" % (view.name, name)) for view in more]
            missing += [("%s, %s" % (system, name), reason) for system, reason in reasons]
        found = {view.name: Series(view.name) for view in views}
        in_rounds("first touch of %s and %s" % (ONE_LAYER, MANY_LAYERS), 1, views, found, lambda view: walk_and_read(bench, view))
        for series in found.values():
            series.rounds.clear()
        in_rounds("layers", WALKS * bench.runs, views, found, lambda view: walk_and_read(bench, view))
    bench.report.heading("warm, the same tree in one layer and in 20, best of the rounds")
    bench.report.rows(["find", "read"], [
        (view.name, [milliseconds(found[view.name].best(key)) for key in ("find", "read")]) for view in views])
    explain(bench, views, found, missing)
    for view in views:
        bench.report.keep("many", system=view.name, mode=view.mode, rounds=found[view.name].rounds)
        one = found.get(view.name.replace(MANY_LAYERS, ONE_LAYER))
        if view.is_ours and one and view.name.endswith(MANY_LAYERS):
            for key in ("find", "read"):
                bench.report.at_most("%s: %s no slower than in one layer (%.2f x)" % (view.name, key, NO_SLOWER),
                                     ratio(found[view.name].best(key), one.best(key)), NO_SLOWER)


def walk_and_read(bench, view):
    return {"find": walk(view.path), "read": read_tree(bench, view.path)["seconds"]}


def file(bench):
    """fio on one file: rates, so that the base is divided by ours."""
    with contextlib.ExitStack() as stack:
        views, missing = open_views(bench, stack, "file")
        found = {view.name: Series(view.name) for view in views}

        def measure(view):
            bench.drop_caches(for_registry=False)
            run("cat", file_of(view), is_quiet=True)
            return {key: fio(file_of(view), options) for key, (_, options) in FIO.items()}

        in_rounds("fio", 2 * bench.runs + 1, views, found, measure)
    base = found[views[0].name]
    bench.report.heading("warm, fio on a file of 200 MB, best of the rounds (a time for each MB)")
    bench.report.rows([title for title, _ in FIO.values()], [
        (view.name, [microseconds(found[view.name].best(key), 1e6) for key in FIO]) for view in views])
    bench.report.rows(["x %s" % title for title, _ in FIO.values()], [
        (view.name, [times(found[view.name].best(key), base.best(key)) for key in FIO]) for view in views[1:]])
    explain(bench, views, found, missing)
    for view in views:
        bench.report.keep("fio", system=view.name, mode=view.mode, rounds=found[view.name].rounds)
        if not view.is_ours:
            continue
        bound = FIO_FUSE if view.mode == "fuse" else FIO_NATIVE
        for key, (title, _) in FIO.items():
            bench.report.at_most("%s: %s at most %.2f x" % (view.name, title, bound), ratio(found[view.name].best(key), base.best(key)), bound)


def file_of(view):
    return os.path.join(view.path, "srv/file")


def fio(path, options):
    """Seconds for each byte."""
    text = run("fio", "--name=bench", "--readonly", "--invalidate=0", "--output-format=json", "--filename=" + path, *options)
    # Warnings may come before the JSON.
    return 1 / json.loads(text[text.index("{"):])["jobs"][0]["read"]["bw_bytes"]


def explain(bench, views, found, missing):
    """Says why figures are missing."""
    for system, reason in missing + [(view.name, found[view.name].note) for view in views if found[view.name].note]:
        bench.report.missing(system, reason)


def microseconds(value, factor):
    return "-" if value is None else "%.0f us" % (value * factor * 1e6)


def times(value, base):
    found = ratio(value, base)
    return "-" if found is None else "%.2f" % found
