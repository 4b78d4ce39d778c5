"""Tables and plots of saved runs: a page in markdown and SVGs beside it. Called by report.sh.

    report_page.py [--png] RESULTS.json…

Several files are put together: rounds of the same image, link and mode become one series. What somebody has written into the page between the lines
NOTES and NOTES_END stays when the page is made again.
"""
import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", name) for name in ("lazy", "convert")]

import modes
from catalog import BY_NAME
from figures import COLUMNS, Figures
from findings import findings
from plots import Plots

USUAL = modes.LINKS[modes.USUAL].title
NOTES, NOTES_END = "<!-- what it says, by hand -->", "<!-- end of it -->"
SUMMARY = ["full", "reference", "estargz", "zstd", "profile", "optimized", "run-optimized"]


class Page:
    def __init__(self, figures, plots):
        self.figures, self.plots, self.lines = figures, plots, []

    def add(self, *lines):
        self.lines += lines

    def table(self, titles, rows):
        self.add("", "| " + " | ".join(titles) + " |", "|" + "---|" + "--:|" * (len(titles) - 1))
        self.lines += ["| " + " | ".join(row) + " |" for row in rows]
        self.add("")

    def picture(self, text, name):
        self.add("", "![%s](%s)" % (text, name), "")

    def head(self):
        run = self.figures.runs[0]
        machine = run["machine"]
        loads = [figures["load"] for cell in self.figures.cells.values() for figures in cell.rounds if "load" in figures]
        self.add("# Cold starts, from nothing here to ready", "",
                 "Images of Debian packages (`bench/startup/catalog.py`): a base that all share, the packages upon it, a program upon those. Every start finds an empty "
                 "store, a node whose own programs are in memory, and a registry behind a link (`bench/wan.py`) whose disk costs nothing. **pull**, **create**: the "
                 "client's commands; **run**: until the entry point has said its first word; **ready**: from there to the readiness line. `starling run` "
                 "is one command, so all before the first word is *run*. Requests and bytes are what had passed the link at the readiness line.", "",
                 "Medians of rounds in turns, spread from the least to the most. Machine `%s`: %d processors, Linux %s; load average %.1f to %.1f while it ran, for it is shared. "
                 "Times on loopback and over 1 Gbit/s are of processors more than of links, and as noisy as those numbers." % (
                     machine["host"], machine["processors"], machine["kernel"], min(loads), max(loads)), "",
                 "Measured %s by `bench/startup/run.sh --save`; this page is `bench/startup/report.sh`'s." % ", ".join(run["time"] for run in self.figures.runs), "")
        self.table(["peer", "version, or why there is none"], [[name, text] for name, text in run["peers"].items()])

    def notes(self, path):
        text = ""
        if os.path.exists(path):
            with open(path) as file:
                text = file.read().partition(NOTES)[2].partition(NOTES_END)[0].strip("\n")
        self.add("## What it says", "", NOTES, "", text, "", NOTES_END, "")

    def summary(self, link):
        images = sorted(self.figures.images(link), key=list(BY_NAME).index)
        chosen = [mode for mode in SUMMARY if mode in self.figures.modes(link)]
        self.add("## Every image, %s" % link, "", "Seconds until ready, and in brackets what part of the full pull's that is.")
        rows = [["%s, %s" % (image, megabytes(sum(self.figures.layers[image])))] + [self.timed(image, link, mode) for mode in chosen] for image in images]
        means = [self.figures.mean_ratio(link, mode, images) for mode in chosen]
        rows.append(["**geometric mean of the parts**"] + ["-" if mean is None else "**%.2f** of %d" % (mean, count) for mean, count in means])
        self.table(["image, compressed"] + [modes.TITLES[mode] for mode in chosen], rows)
        self.picture("seconds until ready", self.plots.images(link, chosen, "seconds", 1, "seconds until ready", "ready"))
        self.add("Bytes and requests until ready:")
        rows = [[image] + ["%s, %s" % (megabytes(self.figures.median(image, link, mode, key="bytes")), count(self.figures.median(image, link, mode, key="requests")))
                           for mode in chosen] for image in images]
        means = [self.figures.mean_ratio(link, mode, images, "bytes") for mode in chosen]
        rows.append(["**mean of the parts of a full pull's bytes**"] + ["-" if mean is None else "**%.2f**" % mean for mean, _ in means])
        self.table(["image"] + [modes.TITLES[mode] for mode in chosen], rows)
        self.picture("bytes until ready", self.plots.images(link, chosen, "bytes", 1e6, "MB through the link until ready", "bytes"))

    def timed(self, image, link, mode):
        value, part = self.figures.median(image, link, mode), self.figures.ratio(image, link, mode)
        if value is None:
            return "-"
        return "%.2f" % value if mode == "full" or part is None else "%.2f (%.2f)" % (value, part)

    def peers(self, link):
        images = [image for image in modes.FEW if image in self.figures.images(link)]
        chosen = list(self.figures.modes(link, images))
        if images:
            self.add("## Where the time goes, with all peers")
            self.picture("pull, create, run and ready", self.plots.phases(link, chosen, images, "phases"))

    def links(self):
        images = [image for image in self.figures.layers if len(self.figures.links(image)) > 1]
        links = [speed.title for speed in modes.LINKS.values() if any(speed.title in self.figures.links(image) for image in images)]
        if not images:
            return
        chosen = [mode for mode in modes.MAIN if any(mode in self.figures.modes(link, images) for link in links)]
        self.add("## Links", "", "Each field has a scale of its own, from zero.")
        self.picture("seconds until ready by link", self.plots.links(images, links, chosen, "links"))

    def shares(self, link):
        found = sorted({share for _, _, _, share in self.figures.cells if share is not None})
        if not found:
            return
        chosen = list(dict.fromkeys(mode for _, _, mode, share in self.figures.cells if share is not None))
        self.add("## From hello to everything", "", "python3's image; files are chosen by chance, the same for all. 0 is the shell alone.")
        self.picture("time and bytes by share", self.plots.shares(link, chosen, found, "shares"))
        self.table(["read"] + [modes.TITLES[mode] for mode in chosen], [
            ["%d %%" % share] + ["-" if (value := self.figures.median("fractions", link, mode, share)) is None else "%.2f s, %s" % (
                value, megabytes(self.figures.median("fractions", link, mode, share, "bytes"))) for mode in chosen] for share in found])

    def details(self):
        self.add("## All figures")
        for image in sorted(self.figures.layers, key=list(BY_NAME).index):
            packages = ", ".join(BY_NAME[image].packages) if image in BY_NAME else ""
            self.add("", "### %s" % image, "", "Layers of %s; packages: %s." % (
                ", ".join(megabytes(size) for size in self.figures.layers[image]), packages or "none but the base's"))
            for link in self.figures.links(image):
                self.table([link, *COLUMNS, "all", "least–most", "requests", "bytes", "× full pull"], [
                    self.detail(image, link, mode, cell) for (name, other, mode, share), cell in self.figures.cells.items()
                    if (name, other, share) == (image, link, None)])

    def detail(self, image, link, mode, cell):
        if not cell.rounds:
            return [modes.TITLES[mode], "not measured: %s" % (cell.note or "").replace("|", "/")] + [""] * 8
        part = self.figures.ratio(image, link, mode)
        return [modes.TITLES[mode] + (", then: " + cell.note.replace("|", "/") if cell.note else ""),
                *("-" if cell.median(key) is None else "%.2f" % cell.median(key) for key in COLUMNS),
                "**%.2f**" % cell.median(), "%.2f–%.2f" % (cell.least(), cell.most()), count(cell.median("requests")), megabytes(cell.median("bytes")),
                "-" if part is None else "%.2f" % part]


def megabytes(value):
    return "-" if value is None else "%.1f MB" % (value / 1e6)


def count(value):
    return "-" if value is None else "%d" % value


def main():
    parser = argparse.ArgumentParser(prog="bench/startup/report.sh", description="Makes a page and plots of saved runs, beside the first of them.")
    parser.add_argument("--png", action="store_true", help="write plots as PNG, too, to look at")
    parser.add_argument("results", nargs="+", help="bench/results/…-startup.json")
    arguments = parser.parse_args()
    figures = Figures(arguments.results)
    stem = arguments.results[0].removesuffix(".json")
    page = Page(figures, Plots(figures, modes.TITLES, stem, arguments.png))
    page.head()
    page.notes(stem + ".md")
    if figures.images(USUAL):
        page.summary(USUAL)
        page.peers(USUAL)
    page.links()
    page.shares(USUAL)
    page.add("## What is not as it should be", "", *findings(figures, modes.TITLES), "")
    page.details()
    with open(stem + ".md", "w") as file:
        file.write("\n".join(page.lines) + "\n")
    print(stem + ".md")


if __name__ == "__main__":
    main()
