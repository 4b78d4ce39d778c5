"""Being lazy must not cost what pulling would have: every byte of an image, read by a container of it over the slow link."""
from dataclasses import asdict

from network import Link
from report import megabytes, ratio, seconds, whole

# All regular files of the image, but not of what is mounted into the container.
COMMAND = ["sh", "-c", "find / -xdev -type f -exec cat {} + > /dev/null && echo read"]
MOST = 1.05


def section(bench):
    link = Link(bench.workplace, bench.registry, 40, 100)
    for name in bench.arguments.images:
        systems = [bench.full(), *bench.ways("lazy")]
        if bench.peers.daemon:
            systems.append(bench.reference("reference"))
        images = {system.variant: "%s/%s" % (link.address, bench.push(name, system.variant)) for system in systems}

        def measure(system, workplace):
            bench.drop_caches()
            return asdict(system.start(bench, workplace, images[system.variant], link, COMMAND, "read"))

        found = bench.in_turns(systems, measure)
        bench.report.heading("whole, %s: pull, create, and `find | cat` of all in the container; %s" % (name, link.name))
        bench.report.rows(["pull", "create", "run", "sum", "requests", "bytes"], [
            (series.name, [seconds(series.median(key)) for key in ("pull", "create", "run", "seconds")]
             + [whole(series.median("requests")), megabytes(series.median("bytes"))]) for series in found if series.rounds])
        for system, series in zip(systems, found):
            if series.note:
                bench.report.missing(series.name, series.note)
            bench.report.keep("whole", image=name, system=series.name, variant=system.variant, rounds=series.rounds, note=series.note)
        for system, series in zip(systems, found):
            if system.variant == "lazy":
                bench.report.at_most("%s: at most %.2f x full pull and read" % (series.name, MOST),
                                     ratio(series.median("seconds"), found[0].median("seconds")), MOST)
