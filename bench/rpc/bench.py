"""What starlingd costs containerd, call by call: called by run.sh, which has what is needed at hand.

Beside each table stands what issue 5 asks for. A row that cannot be had says why.
"""
import argparse
import hashlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", name) for name in ("lazy", "convert")]

import inputs
import owned
import session
from images import Images
from network import BlobServer, Link, Registry
from owned import NAMESPACE, Failed, FreshDisk, Workplace, end, last_line, run
from peers import Peers
from report import Report, milliseconds, ratio, say
from systems import Node, StarlingDaemon

MOST_LATENCY = 2
CALLS, BLOCK = 10_000, 500
ROUND_TRIP, MBIT, LAYERS = 0.040, 100, 128
# Start-up: layers of both images, and snapshots in all.
START_IMAGES, START_LAYERS, SNAPSHOTS, START_SECONDS = ("layers-128", "layers-72"), 200, 1000, 1.0


class Bench:
    def __init__(self, arguments, workplace):
        self.arguments, self.workplace = arguments, workplace
        self.binaries = os.path.abspath(os.environ["STARLING_BIN"])
        self.report, self.peers = Report(), Peers()
        self.images = Images(os.environ.get("STARLING_TEST_CACHE", "/var/cache/starling-tests"), self.peers)
        self.registry, self.blobs = Registry(workplace), BlobServer(workplace)
        self.chains = {}
        self.program = os.path.join(workplace.path, "client")
        result = subprocess.run(["go", "build", "-o", self.program, "."], cwd=HERE, capture_output=True, text=True, env={
            **os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode"})
        if result.returncode != 0:
            raise Failed("the client does not build: " + last_line(result.stderr))

    def client(self, task, systems, **more):
        """Has systems, (name, socket, snapshotter) each, called; figures by system."""
        plan = {"task": task, "namespace": NAMESPACE, "systems": [
            {"name": name, "socket": socket, "snapshotter": snapshotter} for name, socket, snapshotter in systems], **more}
        result = subprocess.run([self.program], input=json.dumps(plan), capture_output=True, text=True, timeout=1500)
        if result.returncode != 0:
            raise Failed(last_line(result.stderr))
        return json.loads(result.stdout)

    def chain(self, name, address=None):
        """Layers of an image of ours in the registry, as the client knows them; without an address as ordinary layers, which nobody fetches."""
        if name not in self.chains:
            self.chains[name] = self.push(name)
        image, layers = self.chains[name]
        if not address:
            return [{"chain": chain} for chain, _ in layers]
        following = [descriptor["digest"] for _, descriptor in layers]
        return [{"chain": chain, "labels": labels("%s/%s" % (address, image), following[at:], descriptor)}
                for at, (chain, descriptor) in enumerate(layers)]

    def push(self, name):
        layout = os.path.join(self.workplace.path, "layouts", name)
        os.makedirs(os.path.dirname(layout), exist_ok=True)
        run(self.binaries + "/starling", "convert", "--progress", "none", "oci:" + self.images.layout(name), "oci:%s:latest" % layout)
        image = "bench/%s:lazy" % name
        self.registry.push(layout, image)
        # The labels name blobs only.
        self.blobs.add(layout, image.rpartition(":")[0])
        manifest = inputs.manifest(layout)
        diff_ids = inputs.load(inputs.blob(layout, manifest["config"]["digest"]))["rootfs"]["diff_ids"]
        return image, list(zip(chain_ids(diff_ids), manifest["layers"]))


def chain_ids(diff_ids):
    """Names of the snapshots of layers, the lowest first (OCI image configuration, ChainID)."""
    found = diff_ids[:1]
    for diff_id in diff_ids[1:]:
        found.append("sha256:" + hashlib.sha256(("%s %s" % (found[-1], diff_id)).encode()).hexdigest())
    return found


def labels(image, following, descriptor):
    """What containerd's transfer service tells a remote snapshotter; it cuts its list of layers to what a label may hold."""
    found = {name: value for name, value in descriptor.get("annotations", {}).items() if name.startswith("containerd.io/snapshot/")}
    key = "containerd.io/snapshot/cri.image-layers"
    room = (4096 - len(key)) // (len(following[0]) + 1)
    return {**found, "containerd.io/snapshot/cri.image-ref": image, "containerd.io/snapshot/cri.layer-digest": following[0],
            key: ",".join(following[:room])}


def calls(bench):
    """Every call of a container's life, on containerd's own snapshotter and on ours."""
    with Workplace(bench.workplace) as workplace, Workplace(bench.workplace) as other:
        node = Node(workplace, bench.peers, StarlingDaemon(bench.binaries))
        # A daemon of its own: containerd's collector removes from a snapshotter what containerd does not know.
        alone = StarlingDaemon(bench.binaries)
        alone.start(other)
        systems = [("overlayfs, containerd's socket", node.socket, "overlayfs"), ("starlingd, containerd's socket", node.socket, "stargz"),
                   ("starlingd, its own socket", alone.socket, "stargz")]
        found = bench.client("calls", systems, calls=bench.arguments.calls, block=BLOCK)
    kinds = list(found[systems[0][0]])
    bench.report.heading("calls: %d of each kind upon 5 layers, in turns of %d; median (99th percentile) in ms" % (bench.arguments.calls, BLOCK))
    rows = []
    for name, _, _ in systems:
        times = {kind: sorted(found[name][kind]) for kind in kinds}
        rows.append((name, ["%.2f (%.2f)" % (statistics.median(times[kind]) / 1e3, times[kind][len(times[kind]) * 99 // 100] / 1e3)
                            for kind in kinds]))
        bench.report.keep("calls", system=name, microseconds={
            kind: {"median": statistics.median(times[kind]), "mean": statistics.mean(times[kind]), "percentiles": times[kind][::max(1, len(times[kind]) // 100)]}
            for kind in kinds})
    bench.report.rows(kinds, rows)
    for name, _, _ in systems[1:]:
        for kind in kinds:
            bench.report.at_most("%s: %s at most %d x overlayfs" % (name, kind, MOST_LATENCY), ratio(
                statistics.median(found[name][kind]), statistics.median(found[systems[0][0]][kind])), MOST_LATENCY)


def chain(bench):
    """An image of 128 layers: Prepare of all of them, and the mount of a container's snapshot upon them."""
    link = Link(bench.workplace, bench.blobs, int(ROUND_TRIP * 1000), MBIT)
    name = "layers-%d" % LAYERS
    names = ("overlayfs, containerd's socket", "starlingd, containerd's socket", "starlingd, its own socket")
    rounds = {each: [] for each in names}
    for number in range(bench.arguments.runs):
        for each in names:
            say("%d layers, %s, run %d" % (LAYERS, each, number + 1))
            with FreshDisk(bench.workplace) as workplace:
                node = Node(workplace, bench.peers, StarlingDaemon(bench.binaries))
                is_lazy = each != names[0]
                target = os.path.join(workplace.path, "target")
                os.mkdir(target)
                layers = bench.chain(name, link.address if is_lazy else None)
                link.reset()
                system = (each, node.daemon.socket if each == names[2] else node.socket, "stargz" if is_lazy else "overlayfs")
                figures = bench.client("chain", [system], chains=[layers], target=target)[each]
                counts = link.counts()
                rounds[each].append({**figures, "requests": counts["requests"], "bytes": counts["delivered"]})
    median = {each: {key: statistics.median(found[key] for found in rounds[each]) for key in rounds[each][0]} for each in names}
    bench.report.heading("chain: %d layers, Prepare of all and a mount upon them; blobs behind %d ms, %d Mbit/s" % (
        LAYERS, ROUND_TRIP * 1000, MBIT))
    bench.report.rows(["all Prepare", "+ mount", "requests", "MB"], [
        (each, [milliseconds(found["layers"] / 1e6), milliseconds((found["layers"] + found["mount"]) / 1e6), "%d" % found["requests"],
                "%.2f" % (found["bytes"] / 1e6)]) for each, found in median.items()])
    for each in names:
        bench.report.keep("chain", system=each, rounds=rounds[each])
    whole = {each: (found["layers"] + found["mount"]) / 1e6 for each, found in median.items()}
    for each in names[1:]:
        bench.report.at_most("%s: at most overlayfs and a round trip (%s)" % (each, milliseconds(whole[names[0]] + ROUND_TRIP)),
                             whole[each] * 1000, (whole[names[0]] + ROUND_TRIP) * 1000, "%.1f ms")


def start(bench):
    """Until a daemon with many snapshots serves, after each kind of end."""
    kinds = {"kill -9": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGINT (no mount is left)": signal.SIGINT}
    rounds = {kind: [] for kind in kinds}
    with Workplace(bench.workplace) as workplace:
        daemon = StarlingDaemon(bench.binaries)
        daemon.start(workplace)
        system = ("starlingd", daemon.socket, "stargz")
        chains = [bench.chain(name, bench.registry.address) for name in START_IMAGES]
        if len({layer["labels"]["containerd.io/snapshot/cri.layer-digest"] for layers in chains for layer in layers}) != START_LAYERS:
            raise Failed("the layers of %s and %s are not %d different ones" % (*START_IMAGES, START_LAYERS))
        bench.client("populate", [system], chains=chains, snapshots=SNAPSHOTS)
        for number in range(bench.arguments.runs):
            for kind, sent in kinds.items():
                say("start after %s, run %d" % (kind, number + 1))
                end(daemon.process, sent)
                began = time.time()
                daemon.start(workplace)
                figures = bench.client("ready", [system], snapshots=SNAPSHOTS)
                if figures["snapshots"] != SNAPSHOTS:
                    raise Failed("%d snapshots instead of %d" % (figures["snapshots"], SNAPSHOTS))
                rounds[kind].append({"seconds": figures["servedAt"] / 1e6 - began})
    bench.report.heading("start: until starlingd answers Mounts, with %d snapshots, of them %d lazy layers" % (SNAPSHOTS, START_LAYERS))
    medians = {kind: statistics.median(found["seconds"] for found in rounds[kind]) for kind in kinds}
    bench.report.rows(["serving"], [("after " + kind, [milliseconds(seconds)]) for kind, seconds in medians.items()])
    for kind in kinds:
        bench.report.keep("start", after=kind, rounds=rounds[kind])
        bench.report.at_most("serving within %.0f s after %s" % (START_SECONDS, kind), medians[kind], START_SECONDS, "%.2f s")


SECTIONS = {"calls": calls, "chain": chain, "start": start}


def main():
    parser = argparse.ArgumentParser(prog="bench/rpc/run.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="rounds of chain and start (default 3)")
    parser.add_argument("--calls", type=int, default=CALLS, help="of each kind, a multiple of %d (default %d)" % (BLOCK, CALLS))
    arguments = session.parse(parser, SECTIONS)
    session.end_on_signals()
    owned.enter_private_namespace()
    owned.adopt_orphans()
    with Workplace() as workplace:
        bench = Bench(arguments, workplace)
        print("%d processors, load %.1f %.1f %.1f; kernel %s; %s" % (os.cpu_count(), *os.getloadavg(), platform.release(), bench.peers.name), flush=True)
        for name in arguments.sections:
            try:
                SECTIONS[name](bench)
            except Failed as error:
                bench.report.missing(name, str(error))
    if arguments.save:
        say("saved " + session.save("rpc", arguments.runs, bench.report.results, sections=arguments.sections, peer=bench.peers.name))


if __name__ == "__main__":
    main()
