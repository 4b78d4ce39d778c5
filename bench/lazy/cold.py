"""A cold container: pull, create and run until its first line of output, over a link of 40 ms and 100 Mbit/s."""
from dataclasses import asdict

from images import PROGRAMS
from network import Link
from report import Series, megabytes, ratio, seconds, whole

# What issue 4 asks for, by image: ours to the reference's time, and how many times faster than the full pull.
WANTED = {
    "python": {"lazy": (0.55, 8), "optimized": (0.60, 11)},
    "science": {"lazy": (0.35, 8), "optimized": (0.65, 11)},
}
# The image whose requests are judged, and how many there may be: optimized, as what design.md 10 has the reference make 10 requests for.
FEW_REQUESTS = ("python", "optimized", 6)
COUNTERPART = {"lazy": "reference", "optimized": "reference-optimized"}


def section(bench):
    link = Link(bench.workplace, bench.registry, 40, 100)
    for name in bench.arguments.images:
        compare(bench, link, name)


def compare(bench, link, name):
    systems = [bench.full()]
    for ours, theirs in COUNTERPART.items():
        if bench.peers.daemon:
            systems.append(bench.reference(theirs))
        systems += bench.ways(ours)
    images = {variant: "%s/%s" % (link.address, bench.push(name, variant)) for variant in {system.variant for system in systems}}
    command, expected = PROGRAMS[name]

    def measure(system, workplace):
        bench.drop_caches()
        return asdict(system.start(bench, workplace, images[system.variant], link, command, expected))

    found = bench.in_turns(systems, measure)
    bench.report.heading("cold, %s: %d layers, %s; %s; until the first line of output" % (
        name, len(bench.layer_sizes(name)), megabytes(sum(bench.layer_sizes(name))), link.name))
    table(bench, systems, found)
    verdicts(bench, name, systems, found)
    for system, series in zip(systems, found):
        bench.report.keep("cold", image=name, system=system.name, variant=system.variant, rounds=series.rounds, note=series.note)


def table(bench, systems, found):
    rows = []
    for system, series in zip(systems, found):
        title = "%s, %s" % (system.name, system.variant)
        if series.rounds:
            rows.append((title, [seconds(series.median(key)) for key in ("pull", "create", "run", "seconds")]
                         + [whole(series.median("requests")), megabytes(series.median("bytes"))]))
    bench.report.rows(["pull", "create", "run", "sum", "requests", "bytes"], rows)
    for system, series in zip(systems, found):
        if series.note:
            bench.report.missing("%s, %s" % (system.name, system.variant), series.note)
    if not bench.peers.daemon:
        bench.report.missing("reference", bench.peers.no_daemon)


def verdicts(bench, name, systems, found):
    by_variant = {}
    for system, series in zip(systems, found):
        by_variant.setdefault(system.variant, []).append(series)
    nothing = Series("none")
    full = by_variant["plain"][0]
    for variant, (bound, times) in WANTED.get(name, {}).items():
        reference = by_variant.get(COUNTERPART[variant], [nothing])[0]
        for series in by_variant[variant]:
            what = "%s, %s" % (series.name, variant)
            bench.report.at_most("%s: at most %.2f x the reference" % (what, bound),
                                 ratio(series.median("seconds"), reference.median("seconds")), bound)
            bench.report.at_least("%s: %d times faster than a full pull" % (what, times),
                                  ratio(full.median("seconds"), series.median("seconds")), times)
            bench.report.at_most("%s: no more bytes than the reference" % what, ratio(series.median("bytes"), reference.median("bytes")), 1)
            if (name, variant) == FEW_REQUESTS[:2]:
                bench.report.at_most("%s: at most %d requests" % (what, FEW_REQUESTS[2]), series.median("requests"), FEW_REQUESTS[2], "%d")
