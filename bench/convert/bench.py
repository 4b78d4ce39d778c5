"""Conversions side by side: `starling convert` and the reference, in turns, medians; called by run.sh, which has what is needed at hand.

Prints one table per input. A row that cannot be had says why.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import asdict, dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lazy"))

import inputs
import measure
import session
from network import Registry
from owned import Failed, Workplace
from peer import Peer, Unavailable

# What a format is called by us and by the reference.
FORMATS = {
    "estargz": ([], ["--estargz"]),
    "external-toc": (["--external-toc"], ["--estargz", "--estargz-external-toc"]),
    "min-chunk": (["--min-chunk-size", "50000"], ["--estargz", "--estargz-min-chunk-size", "50000"]),
    "zstd-chunked": (["--format", "zstd-chunked"], ["--zstdchunked"]),
}

# Where ours may go; the reference, which goes through its containerd, is compared with what a layout takes.
DESTINATIONS = ("layout", "registry", "archive")

# What issue 3 asks for: (least ratio of wall clock, of CPU); bytes of memory.
WANTED_RATIOS = {"debian": (8, 5), "small-files": (15, None)}
WANTED_RSS = 256 << 20


@dataclass
class Series:
    """Runs of one converter on one input."""
    converter: str
    runs: list = field(default_factory=list)
    # Of the first run, which is not counted otherwise: it warms the page cache and is slowed by looking at the disk.
    peak_temporary_bytes: int | None = None
    output_bytes: int | None = None
    # Why there are no figures, or fewer.
    note: str | None = None

    def median(self, name):
        return statistics.median(getattr(run, name) for run in self.runs)

    def peak_rss(self):
        return max(run.peak_rss_bytes for run in self.runs)


class Bench:
    def __init__(self, arguments, work):
        self.arguments, self.work = arguments, work
        self.starling = os.path.join(arguments.binaries, "starling")
        self.help = subprocess.run([self.starling, "convert", "--help"], capture_output=True, text=True, check=True).stdout
        self.peer, self.no_peer = None, "left out, as asked"
        if not arguments.without_peer:
            try:
                self.peer = Peer()
            except Unavailable as error:
                self.no_peer = str(error)

    def layout(self, name):
        debian = output_of(os.path.join(HERE, "..", "make-image.sh"), self.arguments.cache)
        if name == "debian":
            return debian
        return output_of(sys.executable, os.path.join(HERE, "inputs.py"), name, os.path.join(self.arguments.cache, "convert"), debian)

    def compare(self, name, form, layout, destination):
        """Runs both in turns; the first turn is not counted, but for the large input, whose time is nobody's question."""
        ours, theirs = Series("starling, to a%s %s" % ("n" if destination == "archive" else "", destination)), Series(
            self.peer.name if self.peer else "reference")
        if name == "large":
            theirs.note = "left out: this input is for our memory"
        elif destination != "layout":
            theirs.note = "left out: compared where ours is a layout"
        elif not self.peer:
            theirs.note = self.no_peer
        archive = os.path.join(self.work, name + ".tar")
        if not theirs.note:
            subprocess.run(["tar", "-cf", archive, "-C", layout, "."], check=True)
        for turn in range(1 if name == "large" else 1 + self.arguments.runs):
            self.turn(ours, turn, name, form, lambda watch: self.convert(layout, form, destination, watch))
            if not theirs.note:
                self.turn(theirs, turn, name, form, lambda watch: self.peer.convert(archive, FORMATS[form][1], self.work, watch))
        if os.path.exists(archive):
            os.remove(archive)
        return [ours, theirs]

    def turn(self, series, turn, name, form, convert):
        if series.note:
            return
        say("%s, %s: %s, %s" % (name, form, series.converter.split(",")[0], "first run" if turn == 0 else "run %d" % turn))
        try:
            measured, series.output_bytes = convert(turn == 0)
        except (measure.Failed, Unavailable) as error:
            series.note = str(error)
            return
        if turn == 0:
            series.peak_temporary_bytes = measured.peak_temporary_bytes
        if turn > 0 or name == "large":
            series.runs.append(measured)

    def convert(self, layout, form, destination, watch):
        options = FORMATS[form][0]
        for option in options:
            if option.startswith("--") and option not in self.help:
                raise measure.Failed("this starling has no " + option)
        target, temporary = self.work + "/out", self.work + "/tmp"
        os.mkdir(temporary)
        try:
            if destination != "registry":
                name = "oci:%s:converted" % target if destination == "layout" else "oci-archive:%s:converted" % target
                measured = self.convert_to(name, layout, options, temporary, watch)
                # An archive's tar headers are no layer's, and too little to be seen.
                return measured, layer_bytes(inputs.manifests(target)) if destination == "layout" else os.path.getsize(target)
            # The registry's own files are not where we look: they are the result.
            with Workplace() as workplace:
                registry = Registry(workplace)
                measured = self.convert_to(registry.address + "/bench:converted", layout, ["--plain-http", *options], temporary, watch)
                return measured, layer_bytes([registry_manifest(registry.address, "bench", "converted")])
        except Failed as error:
            raise measure.Failed(str(error)) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(target, ignore_errors=True)
            if os.path.exists(target):
                os.remove(target)

    def convert_to(self, destination, layout, options, temporary, watch):
        # --progress none: what the other is not asked for, we do not do either.
        command = [self.starling, "convert", "--progress", "none", *options, "oci:" + layout, destination]
        with open(self.work + "/starling.log", "w+") as log:
            return measure.run(command, {**os.environ, "TMPDIR": temporary}, log, watched=[self.work] if watch else [])


def layer_bytes(manifests):
    return sum(layer["size"] for image in manifests for layer in image["layers"])


def registry_manifest(address, repository, tag):
    request = urllib.request.Request("http://%s/v2/%s/manifests/%s" % (address, repository, tag), headers={
        "Accept": "application/vnd.oci.image.manifest.v1+json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def table(name, form, input_bytes, ours, theirs):
    """Prints an input's rows, ratios and what issue 3 asks for."""
    print("\n%s, %s: a layer of %s compressed" % (name, form, megabytes(input_bytes)))
    print("%-44s %9s %9s %10s %10s %12s" % ("", "wall", "CPU", "peak RSS", "output", "temporary"))
    for series in (ours, theirs):
        title = series.converter[:44]
        if not series.runs:
            print("%-44s not measured: %s" % (title, series.note or "no run"))
            continue
        print("%-44s %7.2f s %7.2f s %10s %10s %12s" % (
            title, series.median("seconds"), series.median("cpu_seconds"), mebibytes(series.peak_rss()), megabytes(series.output_bytes),
            megabytes(series.peak_temporary_bytes)))
        if series.note:
            print("%-44s fewer runs: %s" % ("", series.note))
    if ours.runs and theirs.runs:
        wall = theirs.median("seconds") / ours.median("seconds")
        cpu = theirs.median("cpu_seconds") / ours.median("cpu_seconds")
        size = theirs.output_bytes / ours.output_bytes
        print("%-44s %7.1f x %7.1f x %10s %8.2f x" % ("  starling, less by", wall, cpu, "", size))
        wanted_wall, wanted_cpu = WANTED_RATIOS[name]
        if form == "estargz":
            verdict("wall at least %d x" % wanted_wall, wall >= wanted_wall)
            if wanted_cpu:
                verdict("CPU at least %d x" % wanted_cpu, cpu >= wanted_cpu)
                verdict("output no larger", size >= 1)
    if ours.runs:
        verdict("peak RSS below %s" % mebibytes(WANTED_RSS), ours.peak_rss() < WANTED_RSS)
        verdict("temporary disk no more than the compressed input", ours.peak_temporary_bytes <= input_bytes)


def verdict(wanted, is_met):
    print("  wanted: %-52s %s" % (wanted, "yes" if is_met else "NO"))


def megabytes(count):
    return "-" if count is None else "%.1f MB" % (count / 1e6)


def mebibytes(count):
    return "%.1f MiB" % (count / (1 << 20))


def say(text):
    print("bench-convert: " + text, file=sys.stderr, flush=True)


def output_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def main():
    parser = argparse.ArgumentParser(prog="bench/convert/run.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="counted runs of each, after one that is not (default 3)")
    parser.add_argument("--inputs", default="debian,small-files,large", help="default debian,small-files,large")
    parser.add_argument("--formats", default="estargz", help="of %s; for the large input always estargz" % ",".join(FORMATS))
    parser.add_argument("--destinations", default="layout", help="of ours: %s (default layout)" % ",".join(DESTINATIONS))
    parser.add_argument("--without-peer", action="store_true", help="measure starling alone")
    parser.add_argument("--save", action="store_true", help="keep the raw figures in bench/results")
    arguments = parser.parse_args()
    arguments.cache = os.environ.get("STARLING_TEST_CACHE", "/var/cache/starling-tests")
    arguments.binaries = os.environ["STARLING_BIN"]
    session.end_on_signals()
    results = []
    with tempfile.TemporaryDirectory(prefix="starling-bench-convert.", dir="/var/tmp") as work:
        bench = Bench(arguments, work)
        print("%d processors, load %.1f %.1f %.1f; %d counted runs of each in turns, medians" % (
            os.cpu_count(), *os.getloadavg(), arguments.runs))
        for name in arguments.inputs.split(","):
            layout = bench.layout(name)
            input_bytes = os.path.getsize(inputs.layer_of(layout))
            for form in ["estargz"] if name == "large" else arguments.formats.split(","):
                for destination in arguments.destinations.split(","):
                    series = bench.compare(name, form, layout, destination)
                    table(name, form, input_bytes, *series)
                    results.append({"input": name, "format": form, "destination": destination, "layer_bytes": input_bytes,
                                    "series": [asdict(each) for each in series]})
    if arguments.save:
        say("saved " + session.save("convert", arguments.runs, results))


if __name__ == "__main__":
    main()
