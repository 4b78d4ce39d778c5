#!/usr/bin/env python3
"""Draws the time to the first line of output from saved results of `make bench-lazy`, as SVG: docs/startup.svg.

    bench/lazy/plot.py [--out docs/startup.svg] [RESULT.json…]

Of each image the newest saved results with the section `cold` are taken (bench/results, unless files are named). A bar is the median of the
rounds, a dot each round. Nothing but Python's own library is needed.
"""
import argparse
import glob
import json
import os
import statistics
from xml.sax.saxutils import escape

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(HERE, "..", "results")
OUT = os.path.join(HERE, "..", "..", "docs", "startup.svg")

IMAGES = [
    ("python", "python3 -c 'print(\"hello\")'", "one layer"),
    ("science", "python3 -c 'import numpy, scipy.stats'", "three layers"),
]
# Name of the bar; system and variant in the results; kind of the bar.
BARS = [
    ("full pull, overlayfs", "full pull, overlayfs", "plain", "full"),
    ("stargz-snapshotter", "reference", "reference", "peer"),
    ("… optimized", "reference", "reference-optimized", "peer"),
    ("starlingd", "starlingd, starling pull", "lazy", "ours"),
    ("… optimized", "starlingd, starling pull", "optimized", "ours"),
    ("starling run", "starling run", "lazy", "ours"),
    ("… optimized", "starling run", "optimized", "ours"),
]
COLORS = {"full": "#8a8f98", "peer": "#c58b2a", "ours": "#2f6fb3"}
STYLE = """
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#22262b}
.head{font-weight:600}.code{font-family:ui-monospace,"DejaVu Sans Mono",monospace}.small{font-size:11.5px;fill:#5b626b}.value{font-weight:600}
.grid{stroke:#dfe3e8;stroke-width:1}.dot{fill:#22262b;fill-opacity:.55}
"""
WIDTH, LEFT, RIGHT = 860, 168, 150
ROW, BAR = 25, 15


def cold(paths):
    """The newest results of each image: {image: {(system, variant): rounds}}, and the machine and time of each."""
    found, sources = {}, {}
    for path in sorted(paths, key=os.path.basename):
        with open(path) as file:
            saved = json.load(file)
        ours = [result for result in saved["results"] if result["kind"] == "cold" and result["rounds"]]
        for image in {result["image"] for result in ours}:
            found[image] = {(result["system"], result["variant"]): result["rounds"] for result in ours if result["image"] == image}
            sources[image] = (os.path.basename(path), saved["machine"], saved["reference"])
    return found, sources


def step(largest):
    """A step of the axis that makes four to eight of them."""
    return next(value for value in (0.5, 1, 2, 5, 10, 20, 50, 100) if largest / value <= 8)


def panel(parts, top, command, layers, series):
    """One image; returns where it ends."""
    rows = [(name, series[(system, variant)], kind) for name, system, variant, kind in BARS if (system, variant) in series]
    largest = max(round_["seconds"] for _, rounds, _ in rows for round_ in rounds)
    plain = statistics.median(round_["bytes"] for round_ in rows[0][1])
    scale = (WIDTH - LEFT - RIGHT) / largest
    parts.append('<text class="head" x="16" y="%d"><tspan class="code">%s</tspan>, %s, %.0f MB compressed</text>'
                 % (top, escape(command), layers, plain / 1e6))
    top += 14
    end = top + ROW * len(rows) + 4
    mark = 0.0
    while mark <= largest:
        x = LEFT + mark * scale
        parts.append('<path class="grid" d="M%.1f %dV%d"/><text class="small" x="%.1f" y="%d" text-anchor="middle">%g s</text>'
                     % (x, top, end, x, end + 15, mark))
        mark += step(largest)
    for index, (name, rounds, kind) in enumerate(rows):
        middle = top + ROW * index + ROW / 2 + 2
        seconds = statistics.median(round_["seconds"] for round_ in rounds)
        megabytes = statistics.median(round_["bytes"] for round_ in rounds) / 1e6
        parts.append('<text x="%d" y="%.1f" text-anchor="end">%s</text>' % (LEFT - 10, middle + 4.5, escape(name)))
        parts.append('<rect x="%d" y="%.1f" width="%.1f" height="%d" rx="2" fill="%s"%s/>'
                     % (LEFT, middle - BAR / 2, seconds * scale, BAR, COLORS[kind], ' fill-opacity=".72"' if name.startswith("…") else ""))
        for round_ in rounds:
            parts.append('<circle class="dot" cx="%.1f" cy="%.1f" r="2.4"/>' % (LEFT + round_["seconds"] * scale, middle))
        x = LEFT + max(round_["seconds"] for round_ in rounds) * scale + 9
        text = "%.1f" % seconds if seconds >= 9.95 else "%.2f" % seconds
        parts.append('<text x="%.1f" y="%.1f"><tspan class="value">%s s</tspan><tspan class="small" dx="7">%.1f MB</tspan></text>'
                     % (x, middle + 4.5, text, megabytes))
    return end + 50


def drawn(found, sources):
    parts = ['<text class="head" x="16" y="28">Until the first line of output, cold, 40 ms and 100 Mbit/s to the registry</text>']
    top = 62
    for image, command, layers in IMAGES:
        if image in found:
            top = panel(parts, top, command, layers, found[image])
    machine, reference = next((machine, reference) for _, machine, reference in sources.values())
    note = "Medians; a dot is a round. %d cores, Linux %s; stargz-snapshotter: %s." % (
        machine["processors"], machine["kernel"].split("-")[0], reference)
    files = "bench/results/{%s}" % ",".join(sorted({name for name, _, _ in sources.values()}))
    parts.append('<text class="small" x="16" y="%d">%s</text><text class="small" x="16" y="%d">%s</text>'
                 % (top - 14, escape(note), top + 3, escape(files)))
    height = top + 16
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" '
            'aria-label="Time to the first line of output: full pull, stargz-snapshotter, starlingd and starling run">\n<style>%s</style>\n'
            '<rect x=".5" y=".5" width="%d" height="%d" rx="6" fill="#fff" stroke="#d0d5db"/>\n%s\n</svg>\n'
            % (WIDTH, height, WIDTH, height, STYLE, WIDTH - 1, height - 1, "\n".join(parts)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", nargs="*", help="saved results; all of bench/results otherwise")
    parser.add_argument("--out", default=OUT, help="file to write (default: docs/startup.svg)")
    arguments = parser.parse_args()
    found, sources = cold(arguments.results or glob.glob(os.path.join(RESULTS, "*-lazy.json")))
    if not any(image in found for image, _, _ in IMAGES):
        parser.exit(1, "no results of the section `cold`; make some with make bench-lazy ARGS=\"--sections cold --save\"\n")
    with open(arguments.out, "w") as file:
        file.write(drawn(found, sources))


if __name__ == "__main__":
    main()
