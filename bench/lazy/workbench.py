"""What sections of a bench of lazy images have in common: images in a registry, ways to a container, and turns."""
import argparse
import os
import platform

import inputs
import owned
import session
import turns
from images import PROGRAMS, Images
from network import Registry
from owned import Failed, Workplace, run
from peer import Unavailable
from peers import Peers
from report import Report, say
from systems import Containerd, Daemonless, ReferenceDaemon, StarlingDaemon, pull_as_reference, pull_as_starling, pull_plainly

HERE = os.path.dirname(os.path.abspath(__file__))


class Bench:
    def __init__(self, arguments, workplace):
        self.arguments, self.workplace, self.runs = arguments, workplace, arguments.runs
        self.binaries = os.path.abspath(os.environ["STARLING_BIN"])
        self.report, self.peers = Report(), Peers()
        self.images = Images(os.environ.get("STARLING_TEST_CACHE", "/var/cache/starling-tests"), self.peers)
        self.read_tree = os.path.join(workplace.path, "readtree")
        run("cc", "-O2", "-Wall", "-Werror", "-o", self.read_tree, os.path.join(HERE, "readtree.c"))
        self.registry = Registry(workplace)
        self.pushed, self.layouts = set(), {}
        self.modes = self.find_modes()

    def find_modes(self):
        """Modes that starlingd can be told to serve in, where it can be told."""
        found = [mode for mode in ("native", "fuse") if self.takes_mode(mode)]
        return found or [None]

    def takes_mode(self, mode):
        try:
            with Workplace(self.workplace) as workplace:
                StarlingDaemon(self.binaries, mode).start(workplace)
            return True
        except Failed as error:
            say("starlingd has no mode %s: %s" % (mode, error))
            return False

    def runs_in_mode(self):
        """Whether `starling run` has --mode."""
        return "--mode" in run(self.binaries + "/starling", "run", "--help")

    def push(self, name, variant):
        """Pushes an image and returns its name and tag. Variants: plain; reference and reference-optimized, the reference's; lazy and
        optimized, ours."""
        image = "bench/%s:%s" % (name, variant)
        if image not in self.pushed:
            layout = self.layout_of(name, variant)
            say("pushing " + image)
            self.registry.push(layout, image)
            self.pushed.add(image)
        return image

    def layout_of(self, name, variant):
        """Path of an image's layout; ours are converted anew in each run."""
        if (name, variant) not in self.layouts:
            self.layouts[name, variant] = self.make_layout(name, variant)
        return self.layouts[name, variant]

    def make_layout(self, name, variant):
        if variant == "plain":
            return self.images.layout(name)
        if variant.startswith("reference"):
            return self.images.reference(self, name, optimized=variant.endswith("optimized"))
        layout = os.path.join(self.workplace.path, "layouts", name, variant)
        os.makedirs(os.path.dirname(layout), exist_ok=True)
        if variant in ("recorded", "whole"):
            options = ["--whole-files"] if variant == "whole" else []
            run(self.binaries + "/starling", "optimize", "--progress", "none", "--root", os.path.join(self.workplace.path, "optimizing"), *options,
                "oci:" + self.images.layout(name), "oci:%s:latest" % layout, "--", *PROGRAMS[name][0], seconds=900)
            return layout
        options = ["--record-in", self.images.record(self, name)] if variant == "optimized" else []
        run(self.binaries + "/starling", "convert", "--progress", "none", *options, "oci:" + self.images.layout(name),
            "oci:%s:latest" % layout)
        return layout

    def layer_sizes(self, name):
        return [layer["size"] for layer in inputs.manifest(self.images.layout(name))["layers"]]

    def ways(self, variant, with_daemonless=True):
        """Ours to a container: containerd with its own client, with ours, and no containerd at all."""
        daemon = lambda: StarlingDaemon(self.binaries)
        found = [Containerd("starlingd, ctr image pull", variant, pull_plainly, daemon),
                 Containerd("starlingd, starling pull", variant, pull_as_starling, daemon)]
        return found + ([Daemonless("starling run", variant)] if with_daemonless else [])

    def full(self):
        return Containerd("full pull, overlayfs", "plain", pull_plainly)

    def reference(self, variant):
        """variant: reference for its own conversion, lazy for ours, which is as good where conversion is not the question."""
        self.peers.require_daemon()
        return Containerd("reference", variant, pull_as_reference, lambda: ReferenceDaemon(self.peers))

    def in_turns(self, systems, measure, runs=None):
        return turns.in_turns(self.workplace, systems, measure, runs or self.runs)

    def drop_caches(self, for_registry=True):
        turns.drop_caches(self.registry if for_registry else None)

    def warm_programs(self):
        turns.warm_programs(self.peers, self.binaries)


def conduct(name, description, sections, images):
    """A bench's main program: its sections, as they are asked for, in a namespace of its own. images: those that sections take unless told otherwise."""
    parser = argparse.ArgumentParser(prog="bench/%s/run.sh" % name, description=description.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="rounds, in which all systems take turns (default 3)")
    parser.add_argument("--images", default=images, help="where a section takes any (default %s)" % images)
    arguments = session.parse(parser, sections)
    arguments.images = arguments.images.split(",")
    session.end_on_signals()
    owned.enter_private_namespace()
    owned.adopt_orphans()
    with Workplace() as workplace:
        bench = Bench(arguments, workplace)
        print("%d processors, load %.1f %.1f %.1f; %d rounds in turns, medians; kernel %s" % (
            os.cpu_count(), *os.getloadavg(), bench.runs, platform.release()))
        print("reference: stargz-snapshotter 0.14.3, %s" % bench.peers.name, flush=True)
        for section in arguments.sections:
            try:
                sections[section](bench)
            except (Failed, Unavailable) as error:
                bench.report.missing(section, str(error))
    if arguments.save:
        say("saved " + session.save(
            name, bench.runs, bench.report.results, sections=arguments.sections, reference=bench.peers.name))
