"""Where starling is slower than something that it is meant to beat, found in the figures and not by whoever writes the page."""
# Ours, and what it should not be slower than.
EXPECTED = [
    ("estargz", "full"), ("zstd", "full"), ("run", "full"), ("estargz", "reference"), ("optimized", "reference-optimized"), ("estargz", "soci"),
    ("optimized", "estargz"), ("profile", "estargz"), ("zstd", "estargz"), ("run", "estargz"), ("run-optimized", "optimized"),
    ("optimized", "profile"), ("run-optimized", "run"),
]
# Also bytes: nobody else's reading should bring fewer.
EXPECTED_BYTES = [("estargz", "reference"), ("zstd", "reference"), ("optimized", "reference-optimized"), ("estargz", "soci"), ("profile", "estargz"),
                  ("optimized", "profile")]
# As much is noise, also where all rounds of one were slower than all of the other.
MARGIN = 1.10


def findings(figures, titles):
    """Lines, the worst first."""
    slower, larger = compared(figures, titles, EXPECTED, "seconds"), compared(figures, titles, EXPECTED_BYTES, "bytes")
    missing = ["- %s, %s, %s%s: not measured: %s" % (cell.image, cell.link, titles[cell.mode], where(cell), cell.note)
               for cell in figures.cells.values() if cell.note and cell.mode]
    more = round(100 * MARGIN - 100)
    return ["Seconds are held against each other of %s. What is more than %d %% slower, the worst first:" % (pairs(EXPECTED), more), "",
            *(slower or ["- nothing"]), "",
            "Bytes of %s. What is more than %d %% more:" % (pairs(EXPECTED_BYTES), more), "", *(larger or ["- nothing"]), "",
            "What could not be measured:", "", *(missing or ["- nothing"])]


def pairs(expected):
    return ", ".join("%s and %s" % pair for pair in expected)


def compared(figures, titles, expected, key):
    found = []
    for (image, link, mode, share), cell in figures.cells.items():
        for ours, other in expected:
            base = figures.cell(image, link, other, share)
            if ours != mode or not cell.rounds or not base or not base.rounds:
                continue
            ratio = cell.median(key) / base.median(key)
            if ratio > MARGIN:
                found.append((ratio, line(cell, base, ratio, titles, key)))
    return [words for _, words in sorted(found, reverse=True)]


def where(cell):
    return "" if cell.share is None else ", %d %% read" % cell.share


def line(cell, base, ratio, titles, key):
    words = "- %s, %s%s: %s %s **%.2f ×** %s: %.2f s (%.2f–%.2f) and %.2f s (%.2f–%.2f); %.1f and %.1f MB, %d and %d requests" % (
        cell.image, cell.link, where(cell), titles[cell.mode], {"seconds": "takes", "bytes": "brings"}[key], ratio, titles[base.mode],
        cell.median(), cell.least(), cell.most(), base.median(), base.least(), base.most(), cell.median("bytes") / 1e6, base.median("bytes") / 1e6,
        cell.median("requests"), base.median("requests"))
    return words + ("." if cell.least(key) > base.most(key) else "; the ranges meet.")
