"""podman with `starling store`, against podman's own pull of the same image in the same run: called by run.sh, which has what is needed at hand.

Ratios are to a full pull by the same podman. A row that cannot be had says why.
"""
import argparse
import os
import platform
import sys
from dataclasses import asdict

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", name) for name in ("startup", "lazy", "convert")]

import chunks
import modes
import network
import owned
import session
import turns
from catalog import BY_NAME
from footprint import settled
from layering import Layers
from network import Link
from owned import Failed, Workplace, run, unmount_below
from peer import Unavailable
from peers import Peers
from podman import Household, Podman, WithPodman
from report import Report, megabytes, ratio, say, seconds, whole
from variants import Variants

COLUMNS = ("pull", "create", "run", "ready", "seconds", "again")
# Where a layer store is seen from both sides, podman's and this one's.
SHARED = "/mnt"


class Bench:
    def __init__(self, arguments, workplace):
        self.arguments, self.workplace = arguments, workplace
        self.binaries = os.path.abspath(os.environ["STARLING_BIN"])
        cache = os.environ.get("STARLING_TEST_CACHE", "/var/cache/starling-tests")
        self.report, self.peers, self.layers, self.podman = Report(), Peers(), Layers(cache, workplace), Podman(cache)

    def podmans(self):
        """Root directories of podmans, by name: Debian 12's is this machine's."""
        yield "podman 4.3 (Debian 12)", "/"
        try:
            yield "podman 5.4 (Debian 13)", self.podman.root()
        except Unavailable as error:
            self.report.missing("podman 5.4", str(error))


class Alone(WithPodman):
    """podman with nothing but its own storage; and another container of the image that is there then."""

    def reach(self, bench, workplace, image, link, program):
        household = self.household(bench, workplace)
        try:
            run(*household.command("info"))
            turns.warm_programs(bench.peers, bench.binaries)
            link.reset()
            pull = owned.timed(*household.command("pull", "--quiet", "--tls-verify=false", image))
            found = self.container(household, workplace, image, link, program, pull)
            self.until_complete(link)
            again = self.container(household, workplace, image, link, program, 0, name="again")
            household.end()
        finally:
            self.end(bench)
        return {**asdict(found), "again": again.seconds}

    def until_complete(self, link):
        pass

    def end(self, bench):
        pass


class WithStore(Alone):
    """The same with `starling store`, which fetches the rest in the background once nothing else is to do."""

    def household(self, bench, workplace):
        os.mkdir(workplace.path + "/shared")
        run("mount", "--bind", workplace.path + "/shared", SHARED)
        run("mount", "--make-shared", SHARED)
        household = Household(self.root, workplace, layers=SHARED + "/store")
        run("mount", "--bind", SHARED, household.root + SHARED)
        run(bench.binaries + "/starling", "store", "--plain-http", "--root", SHARED + "/root", SHARED + "/store")
        return household

    def until_complete(self, link):
        """Waits until nothing comes any more: then another start is a warm one."""
        settled(lambda: link.counts()["delivered"], seconds=1)

    def end(self, bench):
        try:
            run(bench.binaries + "/starling", "umount", "--root", SHARED + "/root", SHARED + "/store")
        finally:
            unmount_below(SHARED)


def start(bench):
    """Pull, create and start until ready, cold; and another container once all of the image is here."""
    speed = modes.LINKS[modes.USUAL]
    for name in bench.arguments.images:
        with Workplace(bench.workplace) as workplace:
            program = BY_NAME[name]
            layout = bench.layers.compose(program, workplace.path + "/layout")
            variants = Variants(bench, workplace, network.in_memory(workplace), program, layout)
            link = Link(workplace, variants.registry, speed.round_trip, speed.mbit)
            for title, root in bench.podmans():
                compare(bench, workplace, variants, link, title, root)


def compare(bench, workplace, variants, link, title, root):
    ways = [Alone("own full pull", "plain", root), Alone("own pull, zstd:chunked", "zstd", root)]
    ways += [WithStore("starling store, " + variant, variant, root) for variant in ("estargz", "optimized", "zstd")]

    def measure(way, own):
        image = "%s/%s" % (link.address, variants.name(way.variant))
        turns.drop_caches()
        return way.reach(bench, own, image, link, variants.program)

    found = turns.in_turns(workplace, ways, measure, bench.arguments.runs, what="%s, %s: " % (variants.program.name, title))
    bench.report.heading("%s, %s; %s; medians of %d; again: create and start of another container, all of the image here" % (
        variants.program.name, title, link.name, bench.arguments.runs))
    base = found[0]
    bench.report.rows([*COLUMNS, "requests", "bytes", "x full pull", "x again"], [
        (series.name, [*(seconds(series.median(key)) for key in COLUMNS), whole(series.median("requests")), megabytes(series.median("bytes")),
                       times(series, base, "seconds"), times(series, base, "again")]) for series in found if series.rounds], width=32)
    for way, series in zip(ways, found):
        if series.note:
            bench.report.missing(series.name, series.note)
        bench.report.keep("start", image=variants.program.name, podman=title, system=series.name, variant=way.variant, link=link.name,
                          rounds=series.rounds, note=series.note)


def times(series, base, key):
    found = ratio(series.median(key), base.median(key))
    return "-" if found is None else "%.2f" % found


SECTIONS = {"start": start, "chunks": chunks.section}


def main():
    parser = argparse.ArgumentParser(prog="bench/store/run.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="rounds, in which all ways take turns (default 3)")
    parser.add_argument("--images", default="python3,redis", help="of %s (default python3,redis)" % ",".join(BY_NAME))
    arguments = session.parse(parser, SECTIONS)
    arguments.images = arguments.images.split(",")
    session.end_on_signals()
    owned.enter_private_namespace()
    owned.adopt_orphans()
    with Workplace(name="starling-bench-store.") as workplace:
        bench = Bench(arguments, workplace)
        print("%d processors, load %.1f %.1f %.1f; kernel %s" % (os.cpu_count(), *os.getloadavg(), platform.release()), flush=True)
        for name in arguments.sections:
            try:
                SECTIONS[name](bench)
            except (Failed, Unavailable) as error:
                bench.report.missing(name, str(error))
    if arguments.save:
        say("saved " + session.save("store", arguments.runs, bench.report.results, sections=arguments.sections))


if __name__ == "__main__":
    main()
