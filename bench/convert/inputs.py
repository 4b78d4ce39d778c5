"""Layers that conversions are measured on, made by the same numbers each time; kept, for they take minutes.

    python3 bench/convert/inputs.py small-files|large DIRECTORY DEBIAN-LAYOUT

makes DIRECTORY/NAME, an OCI layout (tag "latest") with one gzip layer; nothing is done when it is there. Prints its path.
"""
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile

TIME = 1700000000
WORDS = "the of and layer chunk digest return import self value index table require function export const module snapshot error".split()


def text(generator, size):
    """Source-like text: words, numbers and line ends; gzip makes a third of it."""
    parts, length = [], 0
    while length < size:
        part = WORDS[generator.getrandbits(16) % len(WORDS)]
        if generator.getrandbits(3) == 0:
            part += "%x" % generator.getrandbits(24)
        part += "\n" if generator.getrandbits(3) == 0 else " "
        parts.append(part)
        length += len(part)
    return "".join(parts).encode()[:size]


def entry(name, size=0, kind=tarfile.REGTYPE, mode=0o644):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.mode, info.mtime = size, kind, mode, TIME
    return info


def small_files(tar, _debian):
    """100,000 files of 64 to 2,111 bytes in 1,000 directories: what node_modules looks like to a converter."""
    generator = random.Random(1)
    # Files are pieces of one text: a minute of making is a long time for content that nobody reads.
    pool = text(generator, 8 << 20)
    for directory in range(1000):
        path = "srv/node_modules/package-%03d" % directory
        tar.addfile(entry(path, kind=tarfile.DIRTYPE, mode=0o755))
        for number in range(100):
            size = 64 + generator.getrandbits(11)
            start = generator.getrandbits(22)
            tar.addfile(entry("%s/file-%02d.js" % (path, number), size), io.BytesIO(pool[start:start + size]))


def large(tar, debian):
    """3 GB: four files of 384 MiB, half noise and half text in turns of 64 KiB, and the Debian root nine times."""
    generator = random.Random(2)
    pool = text(generator, 8 << 20)
    for number in range(4):
        tar.addfile(entry("srv/big-%d" % number, 384 << 20), Mixture(generator, pool, 384 << 20))
    for copy in range(9):
        prefix = "roots/%d/" % copy
        with gzip.open(layer_of(debian)) as stream, tarfile.open(fileobj=stream, mode="r|") as root:
            for member in root:
                member.name = prefix + member.name.removeprefix("./")
                member.pax_headers = {}
                if member.islnk():
                    member.linkname = prefix + member.linkname.removeprefix("./")
                tar.addfile(member, root.extractfile(member) if member.isreg() else None)


class Mixture:
    """A file of noise and text in turns, made while it is read."""

    def __init__(self, generator, pool, size):
        self.generator, self.pool, self.left, self.rest, self.turn = generator, pool, size, b"", False

    def read(self, count):
        while len(self.rest) < min(count, self.left):
            self.turn = not self.turn
            start = self.generator.getrandbits(22)
            self.rest += self.generator.randbytes(64 << 10) if self.turn else self.pool[start:start + (64 << 10)]
        piece, self.rest = self.rest[:min(count, self.left)], self.rest[min(count, self.left):]
        self.left -= len(piece)
        return piece


def layer_of(layout):
    """Path of the blob of a layout's only layer."""
    return blob(layout, manifest(layout)["layers"][0]["digest"])


def manifest(layout):
    return manifests(layout)[0]


def manifests(layout):
    """Of every image in a layout: one with external TOCs has a second image with them."""
    index = load(os.path.join(layout, "index.json"))
    return [load(blob(layout, image["digest"])) for image in index["manifests"]]


def blob(layout, digest):
    return os.path.join(layout, "blobs", *digest.split(":"))


def load(path):
    with open(path, "rb") as file:
        return json.load(file)


class Hashed:
    """Hashes what is written through it."""

    def __init__(self, file):
        self.file, self.hash = file, hashlib.sha256()

    def write(self, data):
        self.hash.update(data)
        return self.file.write(data)


def make(layout, layers, level, config=None):
    """Writes the layout; layers: functions that add members to an archive, the lowest first."""
    described = [add_layer(layout, members, level) for members in layers]
    write_image(layout, config or {}, [diff_id for diff_id, _ in described], [descriptor for _, descriptor in described])


def add_layer(layout, members, level):
    """Adds a layer to a layout's blobs and returns its diffID and its descriptor. It goes through gzip, both ends hashed."""
    blobs = os.path.join(layout, "blobs", "sha256")
    os.makedirs(blobs, exist_ok=True)
    path = os.path.join(layout, "layer")
    with open(path, "wb") as output:
        compressor = subprocess.Popen(["gzip", "-n", "-%d" % level], stdin=subprocess.PIPE, stdout=output)
        archive = Hashed(compressor.stdin)
        with tarfile.open(fileobj=archive, mode="w|", format=tarfile.GNU_FORMAT) as tar:
            members(tar)
        compressor.stdin.close()
        if compressor.wait() != 0:
            raise SystemExit("gzip failed")
    return "sha256:" + archive.hash.hexdigest(), {"mediaType": LAYER, **store(path, blobs)}


OCI = "application/vnd.oci.image."
LAYER = OCI + "layer.v1.tar+gzip"


def store(path, blobs):
    """Moves a file among the blobs, under its digest; returns its part of a descriptor."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = os.path.getsize(path)
    os.rename(path, os.path.join(blobs, digest))
    return {"digest": "sha256:" + digest, "size": size}


def write_image(layout, config, diff_ids, layers):
    """Writes the documents of a layout whose layers are among its blobs already."""
    def document(value, kind):
        path = os.path.join(layout, "document")
        with open(path, "w") as file:
            json.dump(value, file, sort_keys=True)
        return {"mediaType": kind, **store(path, os.path.join(layout, "blobs", "sha256"))}

    config = document({"architecture": "amd64", "os": "linux", "config": config, "created": "2023-11-14T22:13:20Z",
                       "rootfs": {"type": "layers", "diff_ids": diff_ids}}, OCI + "config.v1+json")
    image = document({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config, "layers": layers},
                     OCI + "manifest.v1+json")
    image["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    with open(os.path.join(layout, "oci-layout"), "w") as file:
        json.dump({"imageLayoutVersion": "1.0.0"}, file)
    with open(os.path.join(layout, "index.json"), "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [image]}, file)


def once(layout, make, sign="index.json"):
    """Makes a layout unless it is there; make gets a directory that becomes it. sign: the file that is there when it is whole."""
    if not os.path.exists(os.path.join(layout, sign)):
        print("making the input %s (once; kept in %s)" % (os.path.basename(layout), os.path.dirname(layout)), file=sys.stderr, flush=True)
        work = layout + ".making"
        shutil.rmtree(work, ignore_errors=True)
        try:
            make(work)
            os.rename(work, layout)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return layout


# Level 6 is what builders use; the large one is there for its size, and level 1 makes it in half the time.
INPUTS = {"small-files": (small_files, 6), "large": (large, 1)}


def main(name, directory, debian):
    members, level = INPUTS[name]
    print(once(os.path.join(directory, name), lambda work: make(work, [lambda tar: members(tar, debian)], level)))


if __name__ == "__main__":
    main(*sys.argv[1:])
