"""Cold starts of real images, until they are ready: called by run.sh, which has what is needed at hand.

Prints a table for each image and link. A row that cannot be had says why, and the run goes on.
"""
import argparse
import os
import platform
import sys
from dataclasses import asdict

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", name) for name in ("lazy", "convert")]

import fractions_of
import inputs
import modes
import network
import owned
import session
import turns
from catalog import BY_NAME
from layering import Layers
from network import Link
from owned import Failed, Workplace
from peer import Unavailable
from peers import Peers
from podman import Podman
from report import Report, Series, megabytes, ratio, say, seconds, whole
from soci import Soci, give_fixed_places_back
from variants import Variants

COLUMNS = ("pull", "create", "run", "ready")


class Bench:
    def __init__(self, arguments, workplace):
        self.arguments, self.workplace = arguments, workplace
        self.binaries = os.path.abspath(os.environ["STARLING_BIN"])
        cache = os.environ.get("STARLING_TEST_CACHE", "/var/cache/starling-tests")
        self.report, self.peers = Report(), Peers()
        self.layers, self.soci, self.podman = Layers(cache, workplace), Soci(self.peers, workplace), Podman(cache)

    def versions(self):
        """What is compared, by name; or why not."""
        found = {"containerd": self.peers.name, "reference": "stargz-snapshotter 0.14.3" if self.peers.daemon else self.peers.no_daemon}
        for name, peer in (("soci", self.soci), ("podman", self.podman)):
            try:
                found[name] = peer.version()
            except (Failed, Unavailable) as error:
                found[name] = str(error)
        return found

    def image(self, name, planned):
        """Measures one image with all that is planned for it: (link, modes) each."""
        program = BY_NAME[name]
        with Workplace(self.workplace) as workplace:
            try:
                layout = self.layers.compose(program, os.path.join(workplace.path, "layout"))
            except Failed as error:
                return self.lost(name, error)
            sizes = [layer["size"] for layer in inputs.manifest(layout)["layers"]]
            self.report.keep("image", image=name, packages=program.packages, layers=sizes)
            registry = network.in_memory(workplace)
            variants = Variants(self, workplace, registry, program, layout)
            for link, chosen in planned:
                self.compare(workplace, variants, modes.LINKS[link], chosen, sizes)

    def lost(self, name, error):
        self.report.missing(name, str(error))
        self.report.keep("start", image=name, note=str(error), rounds=[])

    def compare(self, workplace, variants, speed, chosen, sizes, program=None, **more):
        """Measures all ways of an image over a link in turns. program: another than the image's own."""
        program = program or variants.program
        link = Link(workplace, variants.registry, speed.round_trip, speed.mbit)
        ways, unavailable = [], []
        for mode in chosen:
            try:
                ways.append((mode, modes.way(self, mode)))
            except (Failed, Unavailable) as error:
                unavailable.append((mode, str(error)))

        def measure(way, own):
            image = "%s/%s" % (link.address, variants.name(way.variant))
            turns.drop_caches()
            return {**asdict(way.reach(self, own, image, link, program)), "load": os.getloadavg()[0]}

        found = turns.in_turns(workplace, [way for _, way in ways], measure, self.arguments.runs, what="%s, %s: " % (program.name, speed.title))
        rows = [(mode, series) for (mode, _), series in zip(ways, found)]
        for mode, note in unavailable:
            rows.append((mode, Series(modes.TITLES[mode])))
            rows[-1][1].note = note
        self.table("%s%s: %d layers, %s; %s; cold, medians of %d" % (
            program.name, "".join(", %s %s" % item for item in more.items()), len(sizes), megabytes(sum(sizes)), speed.title, self.arguments.runs), rows)
        for mode, series in rows:
            self.report.keep("start", image=program.name, link=speed.title, mode=mode, system=series.name, rounds=series.rounds, note=series.note, **more)

    def table(self, heading, rows):
        self.report.heading(heading)
        base = dict(rows).get("full")
        self.report.rows([*COLUMNS, "all", "spread", "requests", "bytes", "x full pull"], [
            (series.name, [*(seconds(series.median(key)) for key in COLUMNS), seconds(series.median("seconds")), spread(series),
                           whole(series.median("requests")), megabytes(series.median("bytes")), times(series, base)])
            for _, series in rows if series.rounds], width=32)
        for _, series in rows:
            if series.note:
                self.report.missing(series.name, series.note)


def spread(series):
    values = [figures["seconds"] for figures in series.rounds]
    return "%.2f-%.2f" % (min(values), max(values))


def times(series, base):
    found = ratio(series.median("seconds"), base.median("seconds")) if base else None
    return "-" if found is None else "%.2f" % found


def parse():
    parser = argparse.ArgumentParser(prog="bench/startup/run.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, help="rounds, in which all ways take turns (default 3, short 1)")
    parser.add_argument("--images", help="of %s" % ",".join(BY_NAME))
    parser.add_argument("--modes", help="of %s" % ",".join(modes.TITLES))
    parser.add_argument("--links", help="of %s" % ",".join(modes.LINKS))
    parser.add_argument("--short", action="store_true", help="one image over one link, once")
    arguments = session.parse(parser, {"images": None, "fractions": None})
    if arguments.images or arguments.short:
        # It has an image of its own.
        arguments.sections = [name for name in arguments.sections if name != "fractions"]
    for option, there, short in (("images", BY_NAME, modes.SHORT), ("modes", modes.TITLES, modes.SHORT_MODES), ("links", modes.LINKS, [modes.USUAL])):
        words = getattr(arguments, option)
        chosen = words.split(",") if words else short if arguments.short else None
        for word in chosen or []:
            if word not in there:
                parser.error("no %s %s; there are %s" % (option, word, ", ".join(there)))
        setattr(arguments, option, chosen)
    arguments.runs = arguments.runs or (1 if arguments.short else 3)
    return arguments


def main():
    arguments = parse()
    session.end_on_signals()
    owned.enter_private_namespace()
    owned.adopt_orphans()
    with Workplace(name="starling-bench-startup.") as workplace:
        bench = Bench(arguments, workplace)
        versions = bench.versions()
        print("%d processors, load %.1f %.1f %.1f; kernel %s" % (os.cpu_count(), *os.getloadavg(), platform.release()))
        print("\n".join("%s: %s" % item for item in versions.items()), flush=True)
        try:
            measure(bench)
        finally:
            give_fixed_places_back()
            # Also of a run that was ended: what it has measured was measured.
            if arguments.save and bench.report.results:
                say("saved " + session.save("startup", arguments.runs, bench.report.results, peers=versions, short=arguments.short))


def measure(bench):
    if "images" in bench.arguments.sections:
        planned = {}
        for image, link, chosen in modes.plan(bench.arguments, bench.arguments.images or list(BY_NAME)):
            planned.setdefault(image, []).append((link, chosen))
        for name, links in planned.items():
            try:
                bench.image(name, links)
            except Failed as error:
                bench.lost(name, error)
    if "fractions" in bench.arguments.sections:
        fractions_of.section(bench)


if __name__ == "__main__":
    main()
