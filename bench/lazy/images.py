"""The images that are measured, as OCI layouts: made once, and kept in $STARLING_TEST_CACHE.

    python      one layer: Debian with python3 (bench/make-image.sh)
    science     three layers: Debian; python3; numpy and scipy
    split-N     what python holds, in N layers of about the same number of bytes
    file        python's layer, and one more with a file of 200 MB that does not compress
    layers-N    N layers of 50 files each, with nothing in common (only bench/rpc)
    small-files one layer with 100,000 files (bench/convert/inputs.py)

Of python and science there are also the reference's two conversions: NAME-reference as it converts, and NAME-reference-optimized as its
optimizer does, which runs the image's program and records the files that it opens, in NAME.record; our own optimized image is converted with
the same record.
"""
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import tarfile

import inputs
from owned import Failed, Workplace, run
from systems import Containerd, pull_plainly

HERE = os.path.dirname(os.path.abspath(__file__))

# What runs in an image, and what it prints.
PROGRAMS = {
    "python": (["python3", "-c", 'print("hello")'], "hello"),
    "science": (["python3", "-c", 'import numpy, scipy.stats; print("imported")'], "imported"),
}
ENVIRONMENT = {"Cmd": ["python3"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]}
# What each layer of science adds. The last also has what numpy and scipy recommend and suggest (compilers, images, tests) and what is used with
# them: about 300 MB, of which the start reads about 32, as the image. Debian's reference BLAS is named, or apt takes OpenBLAS, which makes
# that 43 MB.
SCIENCE = [[], ["python3"], [
    "python3", "python3-numpy", "python3-scipy", "libblas-dev", "liblapack-dev", "g++", "gfortran", "python3-dev", "python3-pil", "python3-pytest",
    "python3-sympy", "cython3"]]
FILE_BYTES = 200_000_000


class Images:
    def __init__(self, cache, peers):
        self.cache, self.peers = os.path.join(cache, "lazy"), peers
        self.debian = run(os.path.join(HERE, "..", "make-image.sh"), cache, seconds=1800).strip()
        os.makedirs(self.cache, exist_ok=True)

    def layout(self, name):
        """Path of an image's layout."""
        if name == "python":
            return self.debian
        path = os.path.join(self.cache, name)
        if name == "science":
            return inputs.once(path, make_science)
        if name.startswith("split-"):
            return inputs.once(path, lambda work: make_split(work, self.debian, int(name.removeprefix("split-"))))
        if name.startswith("layers-"):
            return inputs.once(path, lambda work: make_layers(work, int(name.removeprefix("layers-"))))
        if name == "file":
            return inputs.once(path, lambda work: make_file(work, self.debian))
        if name == "small-files":
            return inputs.once(
                os.path.join(self.cache, "..", "convert", name), lambda work: inputs.make(work, [lambda tar: inputs.small_files(tar, None)], 6))
        raise KeyError(name)

    def reference(self, bench, name, optimized=False):
        """Path of the layout of the reference's conversion."""
        path = os.path.join(self.cache, name + "-reference" + ("-optimized" if optimized else ""))
        return inputs.once(path, lambda work: self.convert(bench, work, name, optimized))

    def record(self, bench, name):
        """The optimizer's record: a JSON line for each file, in the order of first use."""
        self.reference(bench, name, optimized=True)
        return os.path.join(self.cache, name + ".record")

    def convert(self, bench, layout, name, optimized):
        with Workplace(bench.workplace) as workplace:
            node = Containerd("conversion", None, pull_plainly).node(bench, workplace)
            archive = os.path.join(workplace.path, "archive.tar")
            run("tar", "-cf", archive, "-C", self.layout(name), ".")
            node.ctr("image", "import", "--snapshotter", "overlayfs", "--index-name", "bench:plain", archive)
            if optimized:
                record = os.path.join(workplace.path, "record")
                words = ["optimize", "--oci", "--period", "20", "--record-out", record, "--args", json.dumps(PROGRAMS[name][0])]
            else:
                words = ["convert", "--estargz", "--oci"]
            run(*node.ctr_command("image", *words, "bench:plain", "bench:converted", program=self.peers.ctr), seconds=1800)
            node.ctr("image", "export", archive, "bench:converted")
            os.makedirs(layout)
            run("tar", "-xf", archive, "-C", layout)
            name_latest(layout)
            if optimized:
                shutil.copy(record, os.path.join(self.cache, name + ".record"))


def name_latest(layout):
    """Gives the only image of a layout the tag that all layouts here have."""
    path = os.path.join(layout, "index.json")
    index = inputs.load(path)
    if len(index["manifests"]) != 1:
        raise Failed("%s has %d images" % (layout, len(index["manifests"])))
    index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    with open(path, "w") as file:
        json.dump(index, file)


def layer_bytes(layout):
    return sum(layer["size"] for layer in inputs.manifest(layout)["layers"])


def unpack(layout, directory):
    """Unpacks the layers of an image without whiteouts, one over the other."""
    for layer in inputs.manifest(layout)["layers"]:
        run("tar", "-xzpf", inputs.blob(layout, layer["digest"]), "-C", directory, "--numeric-owner")


def make_science(layout):
    """Three Debian roots, each with more packages; a layer is what differs from the root before."""
    os.makedirs(layout)
    roots = []
    try:
        for number, packages in enumerate(SCIENCE):
            roots.append(os.path.join(layout, "root-%d.tar" % number))
            run("mmdebstrap", "--quiet", "--variant=minbase", *(["--include=" + ",".join(packages)] if packages else []),
                "--aptopt=Acquire::Retries \"3\"", "bookworm", roots[-1], seconds=1800)
        known = [{}] + [listing(root) for root in roots]
        layers = [lambda tar, at=at: add_difference(tar, roots[at], known[at + 1], known[at]) for at in range(len(roots))]
        inputs.make(layout, layers, 6, ENVIRONMENT)
    finally:
        for root in roots:
            if os.path.exists(root):
                os.remove(root)


def listing(archive):
    """What decides whether an entry differs, by name."""
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            content = hashlib.sha256(tar.extractfile(member).read()).digest() if member.isreg() else None
            found[member.name] = (member.type, member.mode, member.uid, member.gid, member.linkname, content)
    return found


def add_difference(tar, archive, here, before):
    """Adds what is new or different, with parents and with targets of links; whiteouts for what is gone."""
    wanted = {name for name, facts in here.items() if before.get(name) != facts}
    wanted |= {here[name][4] for name in wanted if here[name][0] == tarfile.LNKTYPE}
    for name in list(wanted):
        while name := os.path.dirname(name):
            wanted.add(name)
    gone = before.keys() - here.keys()
    with tarfile.open(archive) as source:
        for member in source:
            if member.name in wanted:
                copy(tar, source, member)
    for name in sorted(name for name in gone if os.path.dirname(name) not in gone):
        directory, base = os.path.split(name)
        tar.addfile(inputs.entry(os.path.join(directory, ".wh." + base)))


def copy(tar, source, member):
    # Extended attributes are not carried; the archives that the bench makes have none that matters to it.
    member.pax_headers = {}
    tar.addfile(member, source.extractfile(member) if member.isreg() else None)


def make_split(layout, debian, count):
    """Layers of about the same number of bytes, in the order of the archive; each has its files' directories."""
    os.makedirs(layout)
    plain = os.path.join(layout, "plain.tar")
    try:
        with gzip.open(inputs.layer_of(debian)) as packed, open(plain, "wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
        with tarfile.open(plain) as source:
            members = source.getmembers()
            home, before, total = {}, 0, sum(member.size for member in members)
            for member in members:
                # A hard link lives with its target.
                home[member.name] = home[member.linkname] if member.islnk() else min(count - 1, before * count // total)
                before += member.size
            layers = [lambda tar, at=at: add_part(tar, source, members, home, at) for at in range(count)]
            inputs.make(layout, layers, 6, ENVIRONMENT)
    finally:
        if os.path.exists(plain):
            os.remove(plain)


def add_part(tar, source, members, home, at):
    parents = set()
    for name in (name for name, layer in home.items() if layer == at):
        while name := os.path.dirname(name):
            parents.add(name)
    for member in members:
        if home[member.name] == at or (member.isdir() and member.name in parents):
            copy(tar, source, member)


def make_layers(layout, count):
    """Layers of files of 1 to 32 KiB of text."""
    os.makedirs(layout)
    pool = inputs.text(random.Random(4), 8 << 20)

    def files(tar, at):
        generator = random.Random("%d of %d" % (at, count))
        for number in range(50):
            length, start = generator.randrange(1 << 10, 32 << 10), generator.randrange(7 << 20)
            tar.addfile(inputs.entry("srv/layer-%d/file-%d" % (at, number), length), io.BytesIO(pool[start:start + length]))

    inputs.make(layout, [lambda tar, at=at: files(tar, at) for at in range(count)], 6, ENVIRONMENT)


def make_file(layout, debian):
    """python's layer as it is, and a second one with one file."""
    generator = random.Random(3)

    def one_file(tar):
        tar.addfile(inputs.entry("srv", kind=tarfile.DIRTYPE, mode=0o755))
        tar.addfile(inputs.entry("srv/file", FILE_BYTES), Noise(generator))

    inputs.make(layout, [one_file], 1)
    base, top = inputs.manifest(debian), inputs.manifest(layout)
    shutil.copy(inputs.layer_of(debian), os.path.join(layout, "blobs", "sha256"))
    diff_ids = [inputs.load(inputs.blob(home, image["config"]["digest"]))["rootfs"]["diff_ids"][0]
                for home, image in ((debian, base), (layout, top))]
    inputs.write_image(layout, ENVIRONMENT, diff_ids, [base["layers"][0], top["layers"][0]])


class Noise:
    """A file of noise, made while it is read; tarfile says how much it wants."""

    def __init__(self, generator):
        self.generator = generator

    def read(self, count):
        return self.generator.randbytes(count)
