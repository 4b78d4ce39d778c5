"""Where starling is slower than something that it is meant to beat, found in the figures and not by whoever writes the page."""
# Ours, and what it should not be slower than.
EXPECTED = [
    ("estargz", "full"), ("zstd", "full"), ("run", "full"), ("estargz", "reference"), ("optimized", "reference-optimized"), ("estargz", "soci"),
    ("optimized", "estargz"), ("profile", "estargz"), ("zstd", "estargz"), ("run", "estargz"), ("run-optimized", "optimized"),
    ("optimized", "profile"), ("run-optimized", "run"),
]
# As much is noise, also where all rounds of one were slower than all of the other.
MARGIN = 1.10


def findings(figures, titles):
    """Lines, the worst first. `clear`: the ranges of both do not meet."""
    found = []
    for (image, link, mode, share), cell in figures.cells.items():
        for ours, other in EXPECTED:
            base = figures.cell(image, link, other, share)
            if ours != mode or not cell.rounds or not base or not base.rounds:
                continue
            ratio = cell.median() / base.median()
            if ratio > MARGIN:
                found.append((ratio, line(cell, base, ratio, titles)))
    missing = ["- %s, %s, %s%s: not measured: %s" % (cell.image, cell.link, titles[cell.mode], where(cell), cell.note)
               for cell in figures.cells.values() if cell.note and cell.mode]
    text = [words for _, words in sorted(found, reverse=True)] or ["- Nothing of ours was more than %d %% slower than what it is held against." % (
        100 * MARGIN - 100.5)]
    return ["Held against each other: %s. What is more than %d %% slower, the worst first:" % (
        ", ".join("%s and %s" % pair for pair in EXPECTED), round(100 * MARGIN - 100)), "", *text, *missing]


def where(cell):
    return "" if cell.share is None else ", %d %% read" % cell.share


def line(cell, base, ratio, titles):
    words = "- %s, %s%s: %s takes **%.2f ×** %s: %.2f s (%.2f–%.2f) and %.2f s (%.2f–%.2f); %.1f and %.1f MB, %d and %d requests" % (
        cell.image, cell.link, where(cell), titles[cell.mode], ratio, titles[base.mode], cell.median(), cell.least(), cell.most(), base.median(),
        base.least(), base.most(), cell.median("bytes") / 1e6, base.median("bytes") / 1e6, cell.median("requests"), base.median("requests"))
    return words + ("." if cell.least() > base.most() else "; the ranges meet.")
