"""One kind of operation on every entry of a complete image, warm: what each costs on lazy mounts, to what it costs on the same layers unpacked.

Views as in bench/lazy/warm.py, all at once and in turns; figures are the best of all rounds.
"""
import contextlib
import os

from owned import run
from report import Series
from views import open_views
from warm import explain, in_rounds, times

HERE = os.path.dirname(os.path.abspath(__file__))
# Each round copies up a hundred other files, of which an image has some thousands.
ROUNDS = 4


def section(bench):
    program = os.path.join(bench.workplace.path, "operations")
    run("cc", "-O2", "-Wall", "-Werror", "-o", program, os.path.join(HERE, "operations.c"))
    for name in bench.arguments.images:
        operations(bench, program, name)


def operations(bench, program, name):
    with contextlib.ExitStack() as stack:
        views, missing = open_views(bench, stack, name)
        found = {view.name: Series(view.name) for view in views}
        count = 0

        def measure(view):
            lines = [line.split() for line in run(program, os.path.join(view.path, "."), str(count)).splitlines()]
            return {kind: int(nanoseconds) / 1e9 / (int(operations) or 1) for kind, nanoseconds, operations in lines}

        # The first, which fills caches, is not counted.
        in_rounds("first touch of " + name, 1, views, found, measure)
        for series in found.values():
            series.rounds.clear()
        for count in range(1, ROUNDS * bench.runs + 1):
            in_rounds("%s, operations %d" % (name, count), 1, views, found, measure)
    base = found[views[0].name]
    kinds = list(base.rounds[0])
    bench.report.heading("operations, %s: each on every entry, warm; best of %d rounds" % (name, ROUNDS * bench.runs))
    bench.report.rows(kinds, [(view.name, [microseconds(found[view.name].best(kind)) for kind in kinds]) for view in views])
    bench.report.rows(["x " + kind for kind in kinds], [
        (view.name, [times(found[view.name].best(kind), base.best(kind)) for kind in kinds]) for view in views[1:]])
    explain(bench, views, found, missing)
    for view in views:
        bench.report.keep("operations", image=name, system=view.name, mode=view.mode, rounds=found[view.name].rounds, note=found[view.name].note)


def microseconds(value):
    return "-" if value is None else "%.2f us" % (value * 1e6)
