"""What several layers cost: the round trips, one after the other, until a container could start.

An image of one layer and one with the same files in three are deployed over two links that differ in nothing but their round trip and have no
bandwidth limit. The time that a longer round trip adds, divided by it, is the number of round trips that wait for each other: bytes, disks and
processors are the same in both and drop out.
"""
from dataclasses import dataclass

from network import Link
from systems import Containerd

ROUND_TRIPS_MS = (20, 220)
IMAGES = ("python", "split-3")
# "No more than one round trip more"; what remains of measuring it.
MOST_MORE, TOLERANCE = 1, 0.25


@dataclass
class Point:
    """What one figure is of."""
    system: Containerd
    image: str
    link: Link

    @property
    def name(self):
        return "%s, %s" % (self.system.name, self.link.name)

    @property
    def variant(self):
        return self.image


def section(bench):
    links = [Link(bench.workplace, bench.registry, milliseconds, 0) for milliseconds in ROUND_TRIPS_MS]
    systems = bench.ways("lazy", with_daemonless=False)
    if bench.peers.daemon:
        systems.append(bench.reference("lazy"))
    points = [Point(system, name, link) for system in systems for name in IMAGES for link in links]
    for name in IMAGES:
        bench.push(name, "lazy")

    def measure(point, workplace):
        bench.drop_caches()
        point.link.reset()
        seconds = point.system.deploy(bench, workplace, "%s/%s" % (point.link.address, bench.push(point.image, "lazy")))
        return {"seconds": seconds, "requests": point.link.counts()["requests"]}

    found = dict(zip([(point.system.name, point.image, point.link.name) for point in points], bench.in_turns(points, measure)))
    bench.report.heading("layers: deploying %s and %s (pull and create), round trips that wait for each other" % IMAGES)
    rows = []
    for system in systems:
        trips = {name: round_trips(found, system, name, links) for name in IMAGES}
        rows.append((system.name, ["-" if trips[name] is None else "%.1f" % trips[name] for name in IMAGES]))
        notes = [found[system.name, name, link.name].note for name in IMAGES for link in links]
        bench.report.keep("layers", system=system.name, trips=trips, rounds={
            "%s, %s" % (name, link.name): found[system.name, name, link.name].rounds for name in IMAGES for link in links},
            notes=[note for note in notes if note])
    bench.report.rows(["one layer", "three"], rows)
    for system, (_, cells) in zip(systems, rows):
        for note in sorted({found[system.name, name, link.name].note or "" for name in IMAGES for link in links} - {""}):
            bench.report.missing(system.name, note)
        if system.name != "reference":
            more = None if "-" in cells else float(cells[1]) - float(cells[0])
            bench.report.at_most("%s: at most %d round trip more (+%.2f)" % (system.name, MOST_MORE, TOLERANCE), more, MOST_MORE + TOLERANCE, "%+.1f")


def round_trips(found, system, name, links):
    near, far = (found[system.name, name, link.name].median("seconds") for link in links)
    if near is None or far is None:
        return None
    return (far - near) / ((ROUND_TRIPS_MS[1] - ROUND_TRIPS_MS[0]) / 1000)
