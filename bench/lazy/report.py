"""What is printed: tables, and beside each what issue 4 asks for."""
import os
import statistics
import sys

# What runs, by its directory.
BENCH = os.path.basename(os.path.dirname(os.path.abspath(sys.argv[0])))


class Report:
    """Prints as it goes, and keeps the raw figures for --save."""

    def __init__(self):
        self.results = []

    def heading(self, text):
        print("\n" + text, flush=True)

    def rows(self, titles, rows, width=44):
        """titles: of the columns after the first; rows: (name, cells)."""
        print("%-*s" % (width, "") + "".join("%13s" % title for title in titles))
        for name, cells in rows:
            print("%-*s" % (width, name[:width - 1]) + "".join("%13s" % cell for cell in cells), flush=True)

    def missing(self, name, reason, width=44):
        """A row that cannot be had says why; that is no pass."""
        print("%-*s not measured: %s" % (width - 1, name[:width - 1], reason), flush=True)

    def verdict(self, wanted, found, is_met):
        """is_met: None where it could not be measured."""
        word = {True: "yes", False: "NO", None: "-"}[is_met]
        print("  wanted: %-78s %-14s %s" % (wanted, found, word), flush=True)
        self.keep("verdict", wanted=wanted, found=found, met=is_met)

    def at_most(self, wanted, value, bound, form="%.2f"):
        self.verdict(wanted, "not measured" if value is None else form % value, None if value is None else value <= bound)

    def at_least(self, wanted, value, bound, form="%.1f"):
        self.verdict(wanted, "not measured" if value is None else form % value, None if value is None else value >= bound)

    def keep(self, kind, **figures):
        self.results.append({"kind": kind, **figures})


class Series:
    """Figures of one system, a dictionary a round, or the reason why there are none."""

    def __init__(self, name):
        self.name, self.rounds, self.note = name, [], None

    def median(self, key):
        values = [figures[key] for figures in self.rounds if figures.get(key) is not None]
        return statistics.median(values) if values else None

    def best(self, key):
        values = [figures[key] for figures in self.rounds if figures.get(key) is not None]
        return min(values) if values else None


def ratio(value, base):
    """None where one of both is missing."""
    return None if value is None or not base else value / base


def seconds(value):
    return "-" if value is None else "%.2f s" % value


def milliseconds(value):
    return "-" if value is None else "%.1f ms" % (value * 1000)


def megabytes(value):
    return "-" if value is None else "%.1f MB" % (value / 1e6)


def whole(value):
    return "-" if value is None else "%d" % value


def say(text):
    print("bench-%s: %s" % (BENCH, text), file=sys.stderr, flush=True)
